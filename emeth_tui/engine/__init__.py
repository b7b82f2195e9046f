"""The engine: a node without any front end. Front ends see its snapshots, its events and its commands.

`opening` puts a node together and takes it apart. `node` is the master loop: it watches the chain, looks
for work and runs one task per job. A job's task is a table from the job's state to one step
(`steps/pipeline`). Each step first reads how things are and then does one thing, so a restart runs the same
code as a first start.

Trouble that passes (network, receipts, disk) is retried with backoff for as long as the job exists. Trouble
that does not pass (a hostile dataset, a failed training) leaves the job as it is, with its error. The job
then keeps its place among the jobs under way, so that a systematic fault cannot stake deposit after
deposit; for the same reason two rejected results in a row pause claiming. An exception that is not an
EmethError is a bug of ours: it is logged with its traceback and published once, and stops neither another
job nor another duty.
"""
