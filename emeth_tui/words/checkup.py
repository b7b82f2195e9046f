"""The report of `emeth-tui doctor` in the interface's language: names of rooms, and the last line."""

from __future__ import annotations

from emeth_tui.words.translation import _


def room_name(room: str) -> str:
    """Name a room of the report."""
    names = {
        "settings": _("settings"),
        "software": _("software"),
        "devices": _("devices"),
        "rpc": _("RPC endpoints"),
        "contracts": _("contracts"),
        "wallet": _("wallet"),
        "info server": _("info server"),
        "storage": _("storage"),
        "disk": _("disk"),
        "clock": _("clock"),
        "models": _("models"),
        "terminal": _("terminal"),
        "service": _("service"),
    }
    return names[room]


def verdict(errors: int, warnings: int) -> str:
    """Say how many findings need attention."""
    if errors or warnings:
        return _("errors: {errors}, warnings: {warnings}").format(errors=errors, warnings=warnings)
    return _("everything is in order")
