"""Hosts over mutual TLS, with dask.distributed: the second way to a keeper, beside ssh.

    node ← frames, a Unix socket → link ← TLS → relay ← Unix socket → keeper → worker process

The *link* (`link`) is one process on the node's machine for all such hosts, with dask's scheduler in it
(`scheduler`). The *relay* (`relay`) is dask's worker on a host. What remains of dask is who is there, and
the connections: it computes nothing here. `wire` is its TLS without its serialisation, `serving` its servers
with a handful of operations. What the node itself loads (`names`, `requests`) needs no engine: the extra
`hosts` brings it.
"""
