"""A node's commands where there is no node: each is refused."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NoReturn

from emeth_tui.engine.settings_editor import SettingChange
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

    async def change_setting(self, key: str, text: str) -> Sequence[SettingChange]:
        _refuse()

    async def reload_settings(self) -> Sequence[SettingChange]:
        _refuse()

    async def drain(self) -> None:
        _refuse()

    async def request_stop(self) -> None:
        _refuse()


def _refuse() -> NoReturn:
    raise CommandRefused(FromChainAlone())
