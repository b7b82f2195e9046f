"""Between header and panels: what is out of order as a whole. Nothing there means that all is well."""

from __future__ import annotations

from emeth_tui.tui.i18n import _
from emeth_tui.tui.lines import Line, clean, fit, line
from emeth_tui.tui.reason_words import reason_text
from emeth_tui.tui.scene import Scene
from emeth_tui.tui.words import clock, duration


def banner_lines(scene: Scene, width: int) -> list[Line]:
    """Draw one line a lost link, one for an end that is near, one for a pause of claiming."""
    lines = [
        line(
            (
                " ✗ "
                + _("{name} does not answer since {clock} ({time}), trying again").format(
                    name=_link_name(link.name),
                    clock=clock(link.broken_since_unix_s),
                    time=duration(scene.now - link.broken_since_unix_s),
                ),
                "bad",
            ),
            (f": {clean(link.error)}", "muted"),
        )
        for link in scene.snapshot.links
        if link.broken_since_unix_s is not None
    ]
    if scene.snapshot.stopping == "stopping":
        lines.append(line((" ! " + _("stopping: every job under way is being saved"), "warn")))
    elif scene.snapshot.stopping == "draining":
        lines.append(line((" ! " + _("draining: ends when the jobs under way are submitted"), "warn")))
    elif scene.snapshot.claims_paused:
        reason = reason_text(scene.snapshot.claims_paused)
        paused = _("claiming is paused: {reason}").format(reason=reason)
        key = () if scene.viewed_pid is not None else (("   P ", "key"), (_("goes on"), "muted"))
        lines.append(line((" ‖ " + paused, "warn"), *key))
    return [fit(content, width) for content in lines]


def _link_name(name: str) -> str:
    names = {
        "chain": _("the chain"),
        "storage": _("the storage"),
        "info server": _("the info server"),
        "node": _("the node"),
    }
    return names.get(name, name)
