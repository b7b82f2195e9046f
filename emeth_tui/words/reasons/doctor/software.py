"""The sentences of notices/reasons/doctor/software.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons.doctor import software

SENTENCES: Mapping[type[Notice], str] = {
    software.PythonFits: "Python {version}",
    software.PythonUntested: "Python {version} is not among those that were tested: {tested}",
    software.PackagesFit: "{packages} packages, none missing or too old",
    software.PackageMissing: "the package {name} is missing; {wanted} is needed",
    software.PackageUnfit: "{name} is version {version}; {wanted} is needed",
    software.ExtraThere: "the extra {extra} is installed",
    software.ExtraAbsent: "the extra {extra} is not installed; only a local network needs it",
    software.NotInstalled: "the program runs from its source, so its packages are not known",
    software.LinksConfined: "this system has Landlock: what reaches the hosts can be confined",
    software.LinksUnconfined: "this system has no Landlock: what reaches the hosts is not confined",
}
