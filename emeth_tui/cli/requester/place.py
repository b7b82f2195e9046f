"""What the requester's commands work with: the account's wallet, its network, and the state that it holds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from emeth_tui.cli.node.place import Place
from emeth_tui.cli.wallet import wallet_opener
from emeth_tui.errors import CommandRefused

if TYPE_CHECKING:
    from emeth_tui.clients.wallet import Wallet
    from emeth_tui.engine.requester.requester import Requester
    from emeth_tui.model import JobId
    from emeth_tui.settings import Network
    from emeth_tui.store.requests import StoredRequest


def wallet_of(place: Place, secrets: Mapping[str, str]) -> Wallet:
    """Open the account's wallet. Raise WalletError."""
    from emeth_tui.settings import find_password

    return wallet_opener(place.settings, find_password(secrets, place.settings.wallet))()


@asynccontextmanager
async def requester_of(place: Place, network: Network, wallet: Wallet) -> AsyncIterator[Requester]:
    """Hold the state while the body runs: one program at a time sends an account's transactions.

    Raise StoreError where a node has begun to run on it, and what `open_requester` raises.
    """
    from emeth_tui.engine.requester.requester import open_requester
    from emeth_tui.store.database import Store

    with Store(place.state_dir) as store:
        async with open_requester(place.settings, network, wallet, store) as requester:
            yield requester


def refuse_beside_a_node(place: Place) -> None:
    """Raise CommandRefused where a node runs on this state."""
    pid = place.pid
    if pid is not None:
        from emeth_tui.notices.reasons.network.requesting import NodeSendsHere

        raise CommandRefused(NodeSendsHere(place.state_dir, pid))


def known_requests(place: Place) -> list[StoredRequest]:
    """Return the requests that were made from here, oldest first; none where there is no database yet."""
    from emeth_tui.store.reading import read_store

    with read_store(place.state_dir) as tables:
        return [] if tables is None else tables.requests.all()


def find_request(place: Place, typed: str) -> StoredRequest:
    """Return the request whose id begins with what was typed. Raise NoSuchJob."""
    from emeth_tui.cli.node.job_ids import find_job
    from emeth_tui.notices.reasons.network.requesting import ListRequests

    known: dict[JobId, StoredRequest] = {one.job_id: one for one in known_requests(place)}
    return known[find_job(typed, known, ListRequests())]
