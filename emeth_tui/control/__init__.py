"""The control socket: other processes of the same user view a running node.

The socket is in the state directory, because the lock there says which process is the node. The lock's holder
may replace a socket that a killed node left behind; a process that finds the lock held knows which process
to view. The directory has mode 0700 and the socket 0600.

Views pull: the node makes a snapshot only when a client asks for one. Clients are not trusted with the
node's time, so questions are answered one at a time with pauses in between, lines and backlogs are bounded,
and a client that does not read in time is dropped. `client` has the interface that the screen uses
(`tui/node_front`), so the same application shows a remote node; its commands are refused.
"""
