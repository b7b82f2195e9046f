"""What a node does for its account as a requester."""

from __future__ import annotations

from pathlib import Path

from emeth_tui.model import Asker
from emeth_tui.notices.notice import EventBody, Wei


class Requesting(EventBody):
    path: Path
    fee_wei: Wei
    by: Asker


class Requested(EventBody):
    fee_wei: Wei


class CancellingRequest(EventBody):
    by: Asker


class RequestCancelled(EventBody):
    fee_wei: Wei


class ResultFetched(EventBody):
    directory: Path
    by: Asker
