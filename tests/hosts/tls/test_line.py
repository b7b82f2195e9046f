"""What a relay answers that has no keeper, as the node reads it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from emeth_tui.foreign_text import one_line
from emeth_tui.hosts.link.line import LineFailed
from emeth_tui.hosts.reasons import MAX_REASON_BYTES
from emeth_tui.hosts.tls.line import _asked
from emeth_tui.hosts.tls.names import Place, dns_name
from emeth_tui.hosts.tls.scheduler import Guest
from emeth_tui.hosts.tls.wire import Peer
from emeth_tui.notices.notice import Reason, from_data, to_data
from emeth_tui.notices.reasons.network.host import HostNotReached, KeeperNotStarted
from tests.words.japanese import english_left

NOT_STARTED = KeeperNotStarted(Path("/logs/keeper.log"), one_line("ENOSPC"))


async def refusal(answer: dict[str, Any]) -> Reason:
    async def nothing(_message: object) -> None:
        pass

    async def said() -> dict[str, Any]:
        return answer

    comm = SimpleNamespace(peer=Peer(dns_name("b"), "0" * 64), write=nothing, read=said)

    async def live_comm() -> SimpleNamespace:
        return comm

    guest = Guest("b", Place("10.0.0.2", 1), "0" * 64, lambda _reason: None)
    with pytest.raises(LineFailed) as failed:
        await _asked(SimpleNamespace(live_comm=live_comm), guest)  # type: ignore[arg-type]
    return failed.value.reason


async def test_why_no_keeper_starts_is_said_in_the_nodes_language() -> None:
    reason = await refusal({"status": "error", "text": "in English", "reason": to_data(NOT_STARTED)})
    assert reason == HostNotReached(NOT_STARTED)
    assert english_left(reason) == set()
    assert from_data(Reason, to_data(reason)) == reason


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"reason": {"kind": "no_offers"}},
        {"reason": to_data(KeeperNotStarted(Path("/", "x" * MAX_REASON_BYTES), one_line("")))},
    ],
    ids=["of another version", "made up", "beyond measure"],
)
async def test_a_relay_is_quoted_where_it_gives_no_reason_of_a_relays(more: dict[str, Any]) -> None:
    reason = await refusal({"status": "error", "text": "what it says", **more})
    assert reason == HostNotReached(one_line("what it says"))
    assert from_data(Reason, to_data(reason)) == reason
