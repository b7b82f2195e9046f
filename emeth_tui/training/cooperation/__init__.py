"""Several members train one job: each its part of an epoch, then all go on from the average (protocol.md §8).

What a member hands over has the form of a result (protocol.md §9), and is checked as one. The average becomes
the newest checkpoint of every member, so that one that is started anew finds it as any job finds its own.
"""
