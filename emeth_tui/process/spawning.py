"""What has to be done before a screen takes the terminal, so that processes can be started beside it."""

from __future__ import annotations

from multiprocessing import resource_tracker


def prepare_spawning() -> None:
    """Start multiprocessing's helper process. Must be called before any UI takes over the standard streams.

    Inside a running Textual application the first spawn would fail: the helper inherits the real stderr's
    descriptor, which the application has replaced by then.
    """
    resource_tracker.ensure_running()
