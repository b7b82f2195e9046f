"""Write the tables of what to do when something is wrong, from the program: `python -m tools.trouble`.

Each event of trouble, and each reason that says more, with its sentence and its remedy as the program has
them, in both languages; then the exit codes. A test holds the pages to the program.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from emeth_tui.errors import ExitCode
from emeth_tui.notices.events import alerts, devices, host, job, market, metrics, node, schedule, watching
from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons import disk, store, worker
from emeth_tui.notices.reasons import market as why
from emeth_tui.notices.reasons.network import chain, transactions
from emeth_tui.words.remedies import remedy_for
from emeth_tui.words.sentences import template
from emeth_tui.words.translation import _, in_language
from tools.exit_codes import SAID, meanings

DOCS = Path(__file__).parent.parent / "docs"


BEGIN, END = "<!-- tables: written by tools/trouble.py -->\n", "<!-- end of tables -->\n"


@dataclass(frozen=True, slots=True)
class Page:
    """A page, and the words of its tables: `groups` are the titles of GROUPS."""

    language: str
    path: Path
    groups: dict[str, str]
    seen: str
    remedy: str
    codes: str
    code: str
    meaning: str


ENGLISH = Page(
    language="en",
    path=DOCS / "when-something-is-wrong.md",
    groups={
        "money": "Money and claiming",
        "jobs": "Jobs",
        "devices": "Devices and hosts",
        "network": "Network",
        "state": "Disk and state",
        "service": "Alerts, metrics and the program itself",
    },
    seen="what you see",
    remedy="what to do",
    codes="Exit codes",
    code="code",
    meaning="meaning",
)
JAPANESE = Page(
    language="ja",
    path=DOCS / "when-something-is-wrong.ja.md",
    groups={
        "money": "お金と受注",
        "jobs": "ジョブ",
        "devices": "デバイスとホスト",
        "network": "ネットワーク",
        "state": "ディスクと状態",
        "service": "通知、メトリクス、プログラム自身",
    },
    seen="表示",
    remedy="対処",
    codes="終了コード",
    code="コード",
    meaning="意味",
)
PAGES = (ENGLISH, JAPANESE)
GROUPS: dict[str, tuple[type[Notice], ...]] = {
    "money": (
        market.ClaimsPaused,
        market.ClaimsHeld,
        why.KeyUsedElsewhere,
        why.ClaimedElsewhere,
        transactions.NoncesUsedElsewhere,
        why.DepositsKept,
        job.DepositKept,
        job.VerifiedAtLoss,
        why.LossLimitReached,
        why.ShortOfEmt,
        transactions.DepositUnaffordable,
        why.UnderNativeLimit,
        why.ShortOfNative,
        transactions.GasUnaffordable,
        transactions.GasShort,
        job.SubmissionHeld,
        transactions.GasTooDear,
        transactions.OverFeeLimit,
        job.EndUnexplained,
        job.SettledByRules,
        node.WithdrawFailed,
        market.RateDiffers,
        market.VerifierFeeDiffers,
        node.Summary,
    ),
    "jobs": (
        job.RunningLate,
        job.JobStuck,
        job.JobTrouble,
        job.Failed,
        job.RejectionHeld,
        job.AppealFailed,
        job.RejectionExplained,
        job.StatesLost,
        why.ResultsRejected,
        job.Timeout,
        job.Lost,
        job.Declined,
        job.SetAside,
        job.GivingBack,
        why.UnusableDatasets,
        job.OrphanHeld,
        job.OrphanLeft,
        job.OrphanAdopted,
        schedule.PausedAtRisk,
        schedule.GivenBackBeforePause,
        schedule.FinishesFirst,
        job.Diverged,
        job.StepsSkipped,
        job.OutOfMemory,
        job.MemberLost,
        job.SubmissionUndone,
        job.ClaimUndone,
        job.EndUndone,
        job.FinalEndUndone,
    ),
    "devices": (
        node.DeviceDown,
        worker.DeviceDoesNotStart,
        why.NoWorkerAnswers,
        node.WorkerSilent,
        devices.GpuLost,
        devices.GpuReportsError,
        devices.GpuSlowed,
        host.HostAway,
        host.JobMoved,
        host.HostRefused,
        host.HostDiffers,
        host.HostModelTrouble,
        host.HostsNotRead,
        host.HostsLeftOut,
    ),
    "network": (
        node.ServiceLost,
        chain.ChainDown,
        why.ServiceDown,
        chain.EndpointsDisagree,
        node.EndpointChanged,
        chain.EndpointBehind,
        watching.TakenBack,
        why.ClockAhead,
        why.ClockBehind,
        market.ModelTrouble,
    ),
    "state": (
        node.NotWritten,
        disk.FileSystemFull,
        disk.NoRoomToWrite,
        disk.NoRoomForDataset,
        disk.DatasetNeedsRoom,
        disk.DatabaseFull,
        disk.CacheFull,
        disk.CacheUnusable,
        node.Leftovers,
        node.StateLost,
        node.StateRebuilt,
        why.StateMoved,
        node.StateSetAside,
        node.StateNotRebuilt,
        node.CopyFailed,
        why.StateDamaged,
        store.NotCopied,
    ),
    "service": (
        alerts.AlertsNotDelivered,
        metrics.MetricsExposed,
        metrics.MetricsFailed,
        node.CommandFailed,
        node.ScreenBroke,
        node.InternalError,
    ),
}


def main() -> None:
    """Write the tables into both pages."""
    for page in PAGES:
        page.path.write_text(with_tables(page, page.path.read_text("utf-8")), "utf-8")


def with_tables(page: Page, text: str) -> str:
    """Return a page's text with its tables as the program has them."""
    before, _begin, rest = text.partition(BEGIN)
    _old, _end, after = rest.partition(END)
    with in_language(page.language):
        tables = "\n".join([*_tables(page), *_exit_codes(page)])
    return f"{before}{BEGIN}\n{tables}\n\n{END}{after}"


def _tables(page: Page) -> Iterator[str]:
    for name, notices in GROUPS.items():
        yield f"## {page.groups[name]}"
        yield f"| {page.seen} | {page.remedy} |"
        yield "| --- | --- |"
        for remedy, alike in _by_remedy(notices):
            seen = "<br>".join(f"`{cls.kind}`: {_sentence(cls)}" for cls in alike)
            yield f"| {seen} | {_cell(_(remedy))} |"
        yield ""


def _by_remedy(notices: Iterable[type[Notice]]) -> Iterable[tuple[str, list[type[Notice]]]]:
    """Bring together what has the same remedy, in the order of the first of each."""
    rows: dict[str, list[type[Notice]]] = defaultdict(list)
    for cls in notices:
        rows[remedy_for(cls) or ""].append(cls)
    return rows.items()


def _sentence(cls: type[Notice]) -> str:
    counted = re.sub(r"\{(\w+):[\w ]+\|([\w ]+)\}", r"{\1} \2", _(template(cls)))
    return _cell(re.sub(r"\{\w+\}", "…", counted))


def _exit_codes(page: Page) -> Iterator[str]:
    yield f"## {page.codes}"
    yield f"| {page.code} | {page.meaning} | {page.remedy} |"
    yield "| --- | --- | --- |"
    texts = meanings()
    for code in ExitCode:
        if code is not ExitCode.OK:
            said = SAID[code]
            english = page.language == "en"
            meaning, remedy = (texts[code], said.remedy) if english else (said.meaning_ja, said.remedy_ja)
            yield f"| {code.value} | {_cell(meaning)} | {_cell(remedy)} |"


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


if __name__ == "__main__":
    main()
