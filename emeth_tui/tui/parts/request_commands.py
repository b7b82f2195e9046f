"""The requester's commands: a job is ordered, taken back, its result fetched; each asks first."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from emeth_tui.foreign_text import clean
from emeth_tui.protocol.job_ids import short
from emeth_tui.words.formats import emt
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from pathlib import Path

    from emeth_tui.engine.requester.orders import Estimate, Order
    from emeth_tui.model import JobId
    from emeth_tui.tui.parts.node_commands import CommandingHost


class RequestCommands:
    """Commands the node that the host shows as a requester."""

    def __init__(self, host: CommandingHost) -> None:
        self._host = host

    def order(self) -> None:
        """Ask what is to be trained, have it estimated, and ask whether to pay that."""
        from emeth_tui.tui.dialogs.requests import order_dialog

        def decide(order: Order | None) -> None:
            if order is not None:
                text = _("measuring {file} …").format(file=clean(order.path.name))
                self._host.runner.start(text, partial(self._estimate, order))

        self._host.push_screen(order_dialog(), decide)

    async def _estimate(self, order: Order) -> str:
        estimated = await self._host.node.estimate_request(order)
        self._ask(order, estimated)
        return ""

    def _ask(self, order: Order, estimated: Estimate) -> None:
        from emeth_tui.tui.dialogs.requests import estimate_dialog

        def decide(agreed: Order | None) -> None:
            if agreed is None:
                self._host.note.show(_("nothing was requested"))
                return
            text = _("requesting a job for {file} …").format(file=clean(agreed.path.name))
            self._host.runner.start(text, partial(self._request, agreed))

        self._host.push_screen(estimate_dialog(order, estimated), decide)

    async def _request(self, order: Order) -> str:
        followed = await self._host.node.request_job(order)
        return _("job {job} is requested").format(job=short(followed.request.job_id))

    def cancel(self) -> None:
        """Ask whether to take the chosen request back."""
        from emeth_tui.tui.dialogs.requests import cancel_dialog

        followed = self._host.target.request
        if followed is None:
            return
        job_id = followed.request.job_id
        fee_wei = 0 if followed.on_chain is None else followed.request.fee_wei

        def decide(yes: bool | None) -> None:
            if not yes:
                self._host.note.show(_("nothing was cancelled"))
                return
            text = _("cancelling the request of job {job} …").format(job=short(job_id))
            self._host.runner.start(text, partial(self._cancel, job_id, fee_wei))

        self._host.push_screen(cancel_dialog(followed), decide)

    async def _cancel(self, job_id: JobId, fee_wei: int) -> str:
        await self._host.node.cancel_request(job_id)
        name = short(job_id)
        if not fee_wei:
            return _("the request of job {job} is forgotten").format(job=name)
        return _("job {job} is cancelled, {amount} are back").format(job=name, amount=emt(fee_wei))

    def fetch(self) -> None:
        """Ask where the model of the chosen request goes, and have it fetched, checked and written."""
        from emeth_tui.tui.dialogs.requests import directory_dialog

        followed = self._host.target.request
        if followed is None:
            return
        job_id = followed.request.job_id

        def decide(directory: Path | None) -> None:
            if directory is not None:
                text = _("fetching and checking the result of job {job} …").format(job=short(job_id))
                self._host.runner.start(text, partial(self._fetch, job_id, directory))

        default = self._host.options.exports_directory.absolute() / f"emeth-{job_id[2:10]}"
        self._host.push_screen(directory_dialog(job_id, default), decide)

    async def _fetch(self, job_id: JobId, directory: Path) -> str:
        fetched = await self._host.node.fetch_result(job_id, directory)
        text = (
            _("written to {directory}: loss {loss}, {start} at the start; hash chain right")
            if fetched.hash_checked
            else _("written to {directory}: loss {loss}, {start} at the start; hash chain not checked")
        )
        loss, start = (f"{fetched.figures[name]:.3f}" for name in ("loss", "start_loss"))
        return text.format(directory=fetched.directory, loss=loss, start=start)
