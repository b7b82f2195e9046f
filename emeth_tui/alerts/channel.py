"""A way on which messages reach somebody."""

from __future__ import annotations

from typing import Protocol

from emeth_tui.alerts.alert import Message
from emeth_tui.errors import Reasoned
from emeth_tui.notices.notice import Reason


class NotDelivered(Reasoned):
    """A message has not arrived; `again_in_s` is what the receiver asks for. It never leaves `alerts`."""

    def __init__(self, reason: Reason, *, again_in_s: float = 0.0) -> None:
        super().__init__(reason)
        self.again_in_s = again_in_s


class Channel(Protocol):
    """Delivers messages. `key` names a channel in the store, `name` is for people; neither is secret."""

    @property
    def key(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def keeps_trying(self) -> bool:
        """Whether a message that has not arrived is sent again."""

    async def deliver(self, message: Message) -> None:
        """Deliver a message. Raise NotDelivered."""
