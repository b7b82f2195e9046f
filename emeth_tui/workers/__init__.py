"""Worker processes, one per device: the seam to them, their messages, their supervisor, their main.

What the node needs of a worker is a `WorkerLink` (`link`) and, for its files, `JobFiles` (`job_files`);
`local` implements the link for a process on this host, which `spawning` starts. The process that holds the
keys does not trust a worker, which reads the files of strangers. Messages are numbered lines of JSON
(`wire`), bounded in length and checked against the types of `messages` and `training.reports`; paths in them
are relative to a job's directory, and nothing is ever unpickled. A worker that sends anything else is killed
and restarted.

The child redirects its own output to its log before it imports torch. Liveness is progress, not pings:
`limits` says how long a phase may be silent. A worker that dies is restarted with backoff, and its job goes
on from the last checkpoint. The pool grows and shrinks while the node runs; a device that does not start is
tried again with backoff, and a job whose device fails goes on with another.
"""
