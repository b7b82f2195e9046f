"""The engine: a node without a front end. Front ends use its snapshots, its events and its commands.

`opening` assembles a node and closes it. `node` is the master loop: it watches the chain, looks
for work and runs one task per job. A job's task is a table from the job's state to one step
(`steps/pipeline`). Each step first reads the current state and then does one thing, so a restart runs the
same code as a first start.

Transient errors (network, receipts, disk) are retried with backoff for as long as the job exists. A permanent
error (a hostile dataset, failed training) stops the job and is recorded with it. The job still counts as
under way, so that a systematic fault cannot stake deposit after deposit; for the same reason two rejected
results in a row pause claiming. An exception that is not an EmethError is a bug in this program: it is logged
with its traceback and published once, and stops no other job or loop.
"""
