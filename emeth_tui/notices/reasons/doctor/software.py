"""What the program runs on."""

from __future__ import annotations

from emeth_tui.notices.notice import Reason


class PythonFits(Reason):
    version: str


class PythonUntested(Reason):
    version: str
    tested: str


class PackagesFit(Reason):
    packages: int


class PackageMissing(Reason):
    name: str
    wanted: str


class PackageUnfit(Reason):
    name: str
    version: str
    wanted: str


class ExtraThere(Reason):
    extra: str


class ExtraAbsent(Reason):
    extra: str


class NotInstalled(Reason):
    pass


class LinksConfined(Reason):
    pass


class LinksUnconfined(Reason):
    pass
