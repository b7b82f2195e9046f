"""What the screen needs of a node, which runs in this process or behind a socket."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from emeth_tui.control.client import Attachment
    from emeth_tui.engine.events import Subscription
    from emeth_tui.engine.money.costs import DayCosts
    from emeth_tui.engine.settings_editor import SettingChange, SettingsView
    from emeth_tui.engine.view.following import FollowedJob
    from emeth_tui.engine.view.records import JobRecord
    from emeth_tui.engine.view.series import Series, Span
    from emeth_tui.engine.view.snapshot import Snapshot
    from emeth_tui.job import Job
    from emeth_tui.model import JobId, JournaledTransaction
    from emeth_tui.network.overview import Overview
    from emeth_tui.protocol.contracts import ChainJob
    from emeth_tui.settings import Settings


class Records(Protocol):
    """Answers beyond the snapshot (engine.records)."""

    async def job(self, job_id: JobId) -> JobRecord | None: ...
    async def history(self) -> Sequence[Job]: ...
    async def day_costs(self) -> DayCosts: ...
    async def transactions(self, limit: int) -> Sequence[JournaledTransaction]: ...
    async def series(self, span: Span, points: int) -> Series: ...
    async def chain_record(self, job_id: JobId) -> ChainJob | None: ...
    async def network(self) -> Overview: ...
    async def requests(self) -> Sequence[FollowedJob]: ...
    async def settings(self) -> SettingsView: ...
    async def logs(self) -> Sequence[Path]: ...
    async def log_tail(self, path: Path, max_bytes: int = 64_000) -> Sequence[str]: ...
    async def log_search(self, path: Path, words: Sequence[str], limit: int) -> Sequence[str]: ...


class NodeFront(Protocol):
    """A node as a front end sees it (engine.node). Commands raise EmethError when they cannot be done."""

    @property
    def records(self) -> Records: ...
    @property
    def attached_to(self) -> Attachment | None:
        """The node's process, where that is not this one."""

    def snapshot(self) -> Snapshot: ...
    def subscribe(self) -> Subscription: ...
    async def pause_job(self, job_id: JobId, *, for_s: int | None = None, until: str = "") -> str: ...
    async def resume_job(self, job_id: JobId) -> None: ...
    async def pause_claims(self, *, for_s: int | None = None, until: str = "") -> str: ...
    async def resume_claims(self) -> None: ...
    async def finish_then_pause(self) -> None: ...
    async def claim_job(self, job_id: JobId) -> None: ...
    async def decline_job(self, job_id: JobId) -> None: ...
    async def withdraw(self, slots: Collection[int] = ()) -> int: ...
    async def change_setting(self, key: str, text: str) -> Sequence[SettingChange]: ...
    async def reload_settings(self) -> Sequence[SettingChange]: ...
    async def drain(self) -> None: ...
    async def request_stop(self) -> None: ...


class Ending(Enum):
    """Why the screen is gone. But for the first two, the node goes on."""

    NODE_ENDED = "node ended"
    GIVEN_UP = "given up"  # the user quit before the node had started
    LEFT = "left"  # the user leaves the node running, headless
    HUNG_UP = "hung up"  # the terminal is gone
    CRASHED = "crashed"  # an error of the screen; it is in the log


@dataclass(frozen=True, slots=True)
class ScreenOptions:
    """How to show things. `language` "" is the locale's, `themes_directory` holds the user's own themes.

    `exports_directory` is where exported files go by default.
    `attached` is a screen of a node in another process, `read_only` one that gives it no commands.
    `keys` are the user's, by an action's id. `alerts`, asked once there is a node, returns the settings by
    which alerts are shown on the terminal, None where none are.
    """

    themes_directory: Path = field(default_factory=Path)
    exports_directory: Path = field(default_factory=Path)
    theme: str = "dark"
    language: str = ""
    ascii_only: bool = False
    attached: bool = False
    read_only: bool = False
    keys: Mapping[str, Sequence[str]] = field(default_factory=dict)
    alerts: Callable[[], Settings | None] = lambda: None
