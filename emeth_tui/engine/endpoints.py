"""Whether the outside answers: one event when a link is lost, one when it is back, nothing in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from emeth_tui.engine.events import EventLog
from emeth_tui.errors import EmethError
from emeth_tui.model import LinkName
from emeth_tui.notices.events.node import LinkLost, LinkRestored
from emeth_tui.notices.notice import Reason


@dataclass(frozen=True, slots=True)
class Link:
    """One link to the outside. `broken_since_unix_s` is None while it works.

    `next_try_unix_s` is when a broken one is tried again; once that has passed, it is being tried.
    """

    name: LinkName
    broken_since_unix_s: float | None = None
    reason: Reason | None = None
    next_try_unix_s: float | None = None


class LinkHealth:
    """The state of each link: chain, storage, info server."""

    def __init__(self, events: EventLog, now: Callable[[], float]) -> None:
        self._events = events
        self._now = now
        self._links: dict[LinkName, Link] = {}

    def works(self, name: LinkName) -> None:
        """Note that a link has answered."""
        link = self._links.get(name, Link(name))
        if link.broken_since_unix_s is not None:
            lasted = self._now() - link.broken_since_unix_s
            self._events.publish(LinkRestored(name, round(lasted)))
        self._links[name] = Link(name)

    def broken(self, name: LinkName, error: EmethError, *, again_in_s: float) -> None:
        """Note that a link does not answer, and when it is tried again."""
        link = self._links.get(name, Link(name))
        if link.broken_since_unix_s is None:
            self._events.publish(LinkLost(name, error.reason))
            link = Link(name, broken_since_unix_s=self._now())
        self._links[name] = replace(link, reason=error.reason, next_try_unix_s=self._now() + again_in_s)

    def all(self) -> tuple[Link, ...]:
        """List every link that was tried so far."""
        return tuple(self._links.values())
