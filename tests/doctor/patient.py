"""A node's settings and network for the doctor, healthy until a test breaks something."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from emeth_tui.clients.http.transport import open_transport
from emeth_tui.clients.wallet import Wallet
from emeth_tui.doctor.check import Check, run_checks
from emeth_tui.doctor.finding import Grade, Result
from emeth_tui.doctor.subject import QUICK_RETRY, Setup, Subject, Terminal
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.doctor.checkup import NoPassword
from emeth_tui.settings import Network, Settings, load_settings
from emeth_tui.words.sentences import english

GOOD_TERMINAL = Terminal(
    is_there=True,
    kind="xterm-256color",
    problem=None,
    needs_ascii=False,
    encoding="utf-8",
    columns=120,
    rows=40,
)


@dataclass
class Patient:
    """What the doctor is shown."""

    directory: Path
    network: Network | Reason
    wallet: Wallet | None = None
    open_wallet: Callable[[], Wallet] | Reason | None = None
    terminal: Terminal = GOOD_TERMINAL
    settings: dict[str, Any] = field(default_factory=dict)
    quick: bool = True

    def setup(self) -> Setup:
        opener: Callable[[], Wallet] | Reason = NoPassword()
        if (wallet := self.wallet) is not None:
            opener = lambda: wallet  # noqa: E731
        return Setup(
            settings=self._settings(),
            settings_problem=None,
            network=self.network,
            open_wallet=self.open_wallet or opener,
            terminal=self.terminal,
            quick=self.quick,
        )

    def _settings(self) -> Settings:
        file = self.directory / "config.toml"
        file.write_text("", "utf-8")
        overrides = {
            "state.directory": self.directory / "state",
            "cache.directory": self.directory / "cache",
            "cache.limit_gb": 1,
            **self.settings,
        }
        return load_settings(file, environment={}, overrides=overrides)

    def with_network(self, **changes: Any) -> Patient:
        """Return the same patient on a network with other settings."""
        assert isinstance(self.network, Network)
        return replace(self, network=self.network.model_copy(update=changes))

    async def seen_by(self, checks: Sequence[Check]) -> list[Result]:
        """Return what these checks find."""
        async with open_transport(QUICK_RETRY) as transport:
            return await run_checks(checks, Subject(self.setup(), transport))


def the(results: Sequence[Result], kind: str) -> Result:
    """Return the one finding of a kind."""
    found = [result for result in results if result.finding.notice.kind == kind]
    assert len(found) == 1, [english(result.finding.notice) for result in results]
    return found[0]


def assert_found(results: Sequence[Result], grade: Grade, kind: str, remedy: str) -> None:
    """Check that a fault is found, how bad it is, and that its remedy is named."""
    finding = the(results, kind).finding
    assert finding.grade is grade
    assert finding.remedy is not None
    assert finding.remedy.kind == remedy
    assert english(finding.remedy)


def grades(results: Sequence[Result]) -> set[Grade]:
    return {result.finding.grade for result in results}
