"""A node's commands where there is no node: each is refused."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NoReturn

from emeth_tui.engine.requester.orders import Estimate, FetchedModel, Order
from emeth_tui.engine.settings_editor import SettingChange
from emeth_tui.engine.view.following import FollowedJob
from emeth_tui.errors import CommandRefused
from emeth_tui.model import JobId
from emeth_tui.notices.reasons.network.watching import FromChainAlone


class NoCommands:
    """Raises CommandRefused for every command of `tui.node_front.NodeFront`."""

    async def pause_job(self, job_id: JobId, *, for_s: int | None = None, until: str = "") -> str:
        _refuse()

    async def resume_job(self, job_id: JobId) -> None:
        _refuse()

    async def pause_claims(self, *, for_s: int | None = None, until: str = "") -> str:
        _refuse()

    async def resume_claims(self) -> None:
        _refuse()

    async def finish_then_pause(self) -> None:
        _refuse()

    async def claim_job(self, job_id: JobId) -> None:
        _refuse()

    async def decline_job(self, job_id: JobId) -> None:
        _refuse()

    async def withdraw(self, slots: Collection[int] = ()) -> int:
        _refuse()

    async def estimate_request(self, order: Order) -> Estimate:
        _refuse()

    async def request_job(self, order: Order) -> FollowedJob:
        _refuse()

    async def cancel_request(self, job_id: JobId) -> None:
        _refuse()

    async def fetch_result(self, job_id: JobId, directory: Path) -> FetchedModel:
        _refuse()

    async def compare_result(self, job_id: JobId, prompts: Sequence[str] = ()) -> dict[str, Any]:
        _refuse()

    async def change_setting(self, key: str, text: str) -> Sequence[SettingChange]:
        _refuse()

    async def reload_settings(self) -> Sequence[SettingChange]:
        _refuse()

    async def drain(self) -> None:
        _refuse()

    async def drain_host(self, name: str, *, undo: bool = False) -> None:
        _refuse()

    async def request_stop(self) -> None:
        _refuse()


def _refuse() -> NoReturn:
    raise CommandRefused(FromChainAlone())
