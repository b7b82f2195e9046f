"""`emeth-tui doctor`: everything that a node needs, looked at before money is at stake.

A check looks at one thing and returns findings; `rooms` has a module for each part of the house. All of them
run side by side, each with a deadline. They cost nothing, leave no files, and may run beside a node.
"""
