"""Clock: whether this machine's agrees with the storage's, the info server's and the chain's."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from urllib.parse import urlsplit

from emeth_tui.clients.http.dates import listen_for_dates
from emeth_tui.clients.http.exchange import ExchangeFailed, Limits, exchange
from emeth_tui.clients.http.transport import open_transport
from emeth_tui.doctor.check import Check
from emeth_tui.doctor.finding import Finding, Room, Unchecked, error, note, ok
from emeth_tui.doctor.subject import Subject
from emeth_tui.engine.clock import ChainClock
from emeth_tui.errors import EmethError
from emeth_tui.model import ServiceName
from emeth_tui.notices.reasons.doctor import remedies
from emeth_tui.notices.reasons.doctor import services as found

_LIMITS = Limits(max_bytes=1_000_000, deadline_s=8.0)


async def _clock(subject: Subject) -> Sequence[Finding]:
    network = subject.network
    urls = {ServiceName.STORAGE: network.storage_url, ServiceName.INFO_SERVER: network.info_url}
    clock, heard = ChainClock(), set[ServiceName]()

    def take(service: ServiceName, date_unix_s: float, sent_unix_s: float, received_unix_s: float) -> None:
        heard.add(service)
        clock.saw_date(service, date_unix_s, sent_unix_s, received_unix_s)

    async with open_transport() as transport:
        listen_for_dates(transport.client, {urlsplit(url).netloc: name for name, url in urls.items()}, take)
        asking = (exchange(transport.client, "GET", url, _LIMITS) for url in urls.values())
        # Whatever they answer has a date; what is wrong with it is the business of other checks.
        answers = await asyncio.gather(*asking, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, ExchangeFailed):
            raise answer
    if await _see_head(subject, clock):
        heard.add(ServiceName.CHAIN)
    if (wrong := clock.why_wrong()) is not None:
        return [error(wrong, remedies.SetClock())]
    return [ok(found.ClockAgrees(name)) for name in ServiceName if name in heard] or [
        note(found.ClockNotCompared())
    ]


async def _see_head(subject: Subject, clock: ChainClock) -> bool:
    """Show the clock the newest block, from which it knows when it is behind."""
    try:
        head = await (await subject.chain()).head()
    except (EmethError, Unchecked):
        return False
    clock.saw_block(head.timestamp_unix_s)
    return True


CHECKS = (Check(Room.CLOCK, "clock", _clock, within_s=30.0),)
