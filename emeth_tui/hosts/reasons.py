"""Why a host or its link does not do something, as either says it: data of strangers."""

from __future__ import annotations

import msgspec

from emeth_tui.errors import Reasoned
from emeth_tui.foreign_text import ForeignText
from emeth_tui.notices.notice import Reason, from_data
from emeth_tui.notices.reasons.foreign import Foreign

MAX_REASON_BYTES = 16_384  # ours have a few hundred


class TransferFailed(Reasoned):
    """A file was not moved."""


def read_reason(data: object) -> Reason:
    """Read a reason; nothing is kept of one that is longer than any of ours."""
    if len(msgspec.msgpack.encode(data)) > MAX_REASON_BYTES:
        return Foreign(ForeignText("…"))
    return from_data(Reason, data)
