"""Workers on other machines: how the node reaches them, and what runs there.

    node (the key) ← frames, a pipe → link ← ssh → relay ← Unix socket → keeper → worker process

The *keeper* (`keeper.server`) runs on the host, in a session of its own. It owns the worker processes, their
directories and an outbox on the disk (`keeper.outbox`), and goes on when nobody is connected. The *relay*
(`keeper.relay`) is what ssh starts: it joins ssh's streams to the keeper's socket and knows nothing. The
*link* (`link.process`) runs on the node's machine, one for each host: it uses ssh, moves files and passes
frames on, confined to the jobs' directories (`confinement`); a process beside it starts ssh (`link.starter`).
In the node, `node.connection` speaks with a link, `node.remote` is a `WorkerLink` over it, and `node.files` a
`JobFiles`.

Frames (`frames`) are msgpack of bounded length, numbered, and checked against the types of `messages`; names
of files are from a short list, and nothing is ever unpickled. A host is not believed: docs/hosts.md.
"""
