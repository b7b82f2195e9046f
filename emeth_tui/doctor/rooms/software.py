"""Software: Python, the packages that the program names, its extras, and what the kernel offers."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from importlib import metadata

from packaging.requirements import Requirement

from emeth_tui.doctor.check import Check
from emeth_tui.doctor.finding import Finding, Room, error, note, ok, warning
from emeth_tui.doctor.subject import Subject
from emeth_tui.hosts.node.book import read_book
from emeth_tui.notices.reasons.doctor import remedies
from emeth_tui.notices.reasons.doctor import software as found
from emeth_tui.process.landlock import landlock_version
from emeth_tui.process.threads import in_thread

DISTRIBUTION = "emeth-tui"
OLDEST, NEWEST = (3, 10), (3, 13)  # as pyproject.toml classifies them
_TESTED = "3.10–3.13"
_EXTRAS = ("devnet",)


async def _python(subject: Subject) -> Sequence[Finding]:
    return python_findings()


def python_findings() -> list[Finding]:
    """Judge the Python that runs this."""
    version = platform.python_version()
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return [ok(found.PythonFits(version))]
    return [warning(found.PythonUntested(version, _TESTED), remedies.UsePython(_TESTED))]


async def _packages(subject: Subject) -> Sequence[Finding]:
    return await in_thread(package_findings, DISTRIBUTION)


def package_findings(distribution: str) -> list[Finding]:
    """Compare the packages that lie here with those that a distribution needs."""
    try:
        requirements = [Requirement(line) for line in metadata.requires(distribution) or []]
    except metadata.PackageNotFoundError:
        return [note(found.NotInstalled())]
    needed = [one for one in requirements if _applies(one, "")]
    problems = [finding for one in needed if (finding := _problem(one)) is not None]
    extras = [_extra(name, requirements) for name in _EXTRAS]
    return [*(problems or [ok(found.PackagesFit(len(needed)))]), *extras]


def _applies(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _extra(name: str, requirements: Sequence[Requirement]) -> Finding:
    of_extra = [one for one in requirements if _applies(one, name) and not _applies(one, "")]
    if any(_problem(one) is not None for one in of_extra):
        return note(found.ExtraAbsent(name), remedies.InstallPackage(f"{DISTRIBUTION}[{name}]"))
    return ok(found.ExtraThere(name))


def _problem(requirement: Requirement) -> Finding | None:
    wanted = f"{requirement.name}{requirement.specifier}"
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return error(found.PackageMissing(requirement.name, wanted), remedies.InstallPackage(wanted))
    if requirement.specifier.contains(version, prereleases=True):
        return None
    unfit = found.PackageUnfit(requirement.name, version, wanted)
    return error(unfit, remedies.InstallPackage(wanted))


async def _hosts(subject: Subject) -> Sequence[Finding]:
    """Say whether what reaches hosts can be confined here."""
    if not (await in_thread(read_book, subject.settings.state_dir)).hosts:
        return []
    return [ok(found.LinksConfined()) if landlock_version() else note(found.LinksUnconfined())]


CHECKS = (
    Check(Room.SOFTWARE, "python", _python),
    Check(Room.SOFTWARE, "packages", _packages),
    Check(Room.SOFTWARE, "hosts", _hosts),
)
