"""The other machines that train for the node: links, versions, devices, files, and how one is added."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType

from emeth_tui.foreign_text import clean
from emeth_tui.notices.events.host import HostsLeftOut
from emeth_tui.protocol.job_ids import short
from emeth_tui.tui.action import Scope
from emeth_tui.tui.bindings import bindings_of
from emeth_tui.tui.dialogs.dialog import facts_table
from emeth_tui.tui.drawing.lines import BLANK, Line, Span, line, wrap
from emeth_tui.tui.drawing.table import Column
from emeth_tui.tui.screens.tables.rows import RowsScreen
from emeth_tui.tui.why_not import Target
from emeth_tui.words.formats import Count, duration, host_state_name, size
from emeth_tui.words.sentences import text_of
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.engine.hosts.view import HostView
    from emeth_tui.tui.frame import Frame

Fact = tuple[str, str, str]  # a label, a text and its role
LEAST_ROWS_LINES = 8  # of the page, whatever there is to say about the chosen host


class HostsScreen(RowsScreen["HostView"]):
    """One row per host, in the order in which they were added, and all about the chosen one above."""

    SCOPE = Scope.HOSTS
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(Scope.HOSTS)
    DETAIL_LINES = 0

    @property
    def target(self) -> Target:
        return Target(host=self.chosen_item, row_count=len(self.shown))

    def items(self, frame: Frame) -> Sequence[HostView]:
        return frame.snapshot.hosts

    def key_of(self, item: HostView) -> str:
        return item.name

    def searched_text(self, item: HostView) -> str:
        return f"{clean(item.destination)} {' '.join(item.devices)}"

    def empty_text(self) -> str:
        return _("no host matches the filter") if self.words else _("no other machine trains for this node")

    def top_line(self, frame: Frame) -> Line:
        hosts = frame.snapshot.hosts
        totals = _("{n} of {all} joined, {devices:device|devices}").format(
            n=sum(host.joined for host in hosts),
            all=len(hosts),
            devices=Count(sum(len(host.devices) for host in hosts)),
        )
        return line((_("Hosts"), "title"), ("   " + totals, "muted"))

    def heading(self, frame: Frame, width: int) -> list[Line]:
        lines = super().heading(frame, width)
        return lines if frame.snapshot.hosts else [line((_("Hosts"), "title")), BLANK]

    def summary(self, frame: Frame, width: int) -> list[Line]:
        host = self.chosen_item or next(iter(self.shown), None)
        if host is None:
            return []
        facts = [(label, line((text, role))) for label, text, role in host_facts(frame, host)]
        room = self.page.size.height - LEAST_ROWS_LINES
        return [*facts_table(facts)(width)[: max(3, room)], BLANK]

    def content(self, frame: Frame, width: int) -> Sequence[Line]:
        if self.shown or self.words:
            return super().content(frame, width)
        return _how_to_add(frame, width)

    def columns(self, frame: Frame, width: int) -> Sequence[Column[HostView]]:
        return (
            Column(_("host"), lambda host: (host.name, "accent"), lambda host: host.name, to_left=True),
            Column(_("state"), _state, lambda host: (host.joined, -host.away_s), to_left=True),
            Column(_("devices"), lambda host: str(len(host.devices)), lambda host: len(host.devices)),
            Column(_("versions"), _versions, lambda host: host.version, to_left=True, spare=4),
            Column(_("disk free"), _free, lambda host: host.free_bytes or 0, spare=2),
            Column(_("out"), lambda host: size(host.traffic.out_bytes), _out_bytes, spare=3),
            Column(_("home"), lambda host: size(host.traffic.home_bytes), _home_bytes, spare=3),
            Column(_("now"), _rate, _bytes_per_s, spare=1),
            Column(_("checkpoint home"), _checkpoint, lambda host: host.checkpoint_age_s or 0.0),
        )


def host_facts(frame: Frame, host: HostView) -> list[Fact]:
    """Return all that is known of a host."""
    return [
        (_("reached by"), _way(host), ""),
        _link(host),
        *_joining(host),
        *_all_versions(host),
        *_lacks(host),
        (_("devices"), _devices(frame, host), ""),
        (_("files"), _files(host), ""),
        *_jobs(host),
    ]


def _way(host: HostView) -> str:
    way = "TLS" if host.transport == "tls" else "ssh"
    free = "" if host.free_bytes is None else "   " + _("{size} free").format(size=size(host.free_bytes))
    return f"{way}: {clean(host.destination)}{free}"


def _link(host: HostView) -> Fact:
    state = (_("drains: it gets no new jobs") + "   ") if host.draining else ""
    if host.joined:
        joined = _("joined for {time}").format(time=duration(host.joined_s))
        return _("link"), state + joined, "warn" if host.draining else ""
    silent = host_state_name(joined=False, draining=False, away_s=host.away_s)
    reason = f": {text_of(host.reason)}" if host.reason else ""
    return _("link"), state + silent + reason, "warn"


def _joining(host: HostView) -> list[Fact]:
    """Say how a host joins that never has."""
    if host.version or host.transport != "tls":
        return []
    text = _("bring {file} there, and run `emeth-tui hosts join {file}`").format(file=f"{host.name}.emeth")
    return [(_("to join"), text, "")]


def _lacks(host: HostView) -> list[Fact]:
    """Say what keeps a host that is reached from being given jobs."""
    return [(_("lacks"), text_of(host.lacks), "warn")] if host.joined and host.lacks else []


def _all_versions(host: HostView) -> list[Fact]:
    if not host.version:
        return []
    differs = {each.what: each.ours for each in host.differs}
    parts = [
        f"{name} {version or '–'}" + (" " + _("(here {version})").format(version=ours) if ours else "")
        for name, version in (("emeth-tui", host.version), ("Python", host.python), ("torch", host.torch))
        for ours in [differs.get(name)]
    ]
    return [(_("versions"), ", ".join(parts), "warn" if differs else "")]


def _devices(frame: Frame, host: HostView) -> str:
    """Name the devices, those of one make together."""
    makes = {worker.device: clean(worker.device_name) for worker in frame.snapshot.workers}
    devices: dict[str, list[str]] = {}
    for device in host.devices:
        devices.setdefault(makes.get(f"{host.name} · {device}", ""), []).append(device)
    named = [", ".join(same) + (f": {make}" if make else "") for make, same in devices.items()]
    return "; ".join(named) or "–"


def _files(host: HostView) -> str:
    traffic = host.traffic
    text = _("{out} out, {home} home since the node started").format(
        out=size(traffic.out_bytes), home=size(traffic.home_bytes)
    )
    rates = [
        named.format(rate=f"{size(rate)}/s")
        for named, rate in (
            (_("now {rate} out"), traffic.out_bytes_per_s),
            (_("now {rate} home"), traffic.home_bytes_per_s),
        )
        if rate
    ]
    return _(", ").join([text, *rates])


def _jobs(host: HostView) -> list[Fact]:
    """Say of each job how old what the node has of it is: so much is lost with the host."""
    label, facts = _("jobs"), []
    for job in host.jobs:
        age_s = job.checkpoint_age_s
        text = _("no checkpoint at home yet")
        if age_s is not None:
            text = _("checkpoint at home {time} ago").format(time=duration(age_s))
        facts.append((label, f"{job.device}  {short(job.job_id)}  {text}", ""))
        label = ""
    return facts


def _state(host: HostView) -> Span:
    name = host_state_name(joined=host.joined, draining=host.draining, away_s=host.away_s)
    return name, "" if host.joined and not host.draining else "warn"


def _versions(host: HostView) -> Span:
    if host.differs:
        return _("{names} differ").format(names=", ".join(each.what for each in host.differs)), "warn"
    return host.version or "–", "muted"


def _free(host: HostView) -> str:
    return "–" if host.free_bytes is None else size(host.free_bytes)


def _out_bytes(host: HostView) -> int:
    return host.traffic.out_bytes


def _home_bytes(host: HostView) -> int:
    return host.traffic.home_bytes


def _bytes_per_s(host: HostView) -> float:
    return host.traffic.out_bytes_per_s + host.traffic.home_bytes_per_s


def _rate(host: HostView) -> Span:
    rate = _bytes_per_s(host)
    return (f"{size(rate)}/s", "accent") if rate else ("–", "muted")


def _checkpoint(host: HostView) -> str:
    age_s = host.checkpoint_age_s
    return "–" if age_s is None else duration(age_s)


def _how_to_add(frame: Frame, width: int) -> list[Line]:
    """Return the steps of docs/hosts.md, each command on a line of its own."""
    lines = wrap(_("No other machine trains for this node."), width)
    if frame.snapshot.verification == "replay":
        return [*lines, *wrap(text_of(HostsLeftOut(frame.snapshot.network)), width, "warn")]
    over_ssh = _("Over ssh, by a key without a prompt: in a checkout there, then here")
    over_tls = _("Over TLS, without ssh: in a checkout on both machines, here, then there")
    for title, commands in (
        (over_ssh, ("pip install .", "emeth-tui hosts add NAME --ssh YOU@HOST")),
        (
            over_tls,
            (
                "pip install '.[hosts]'",
                "emeth-tui hosts add NAME ADDRESS",
                "emeth-tui hosts join NAME.emeth",
            ),
        ),
    ):
        lines += [BLANK, *wrap(title, width), *(line("  ", (command, "accent")) for command in commands)]
    for text in (
        _("`hosts add` with an address writes NAME.emeth, which holds a key: bring it there by a safe way."),
        _("The node uses a new host within seconds; docs/hosts.md says more."),
    ):
        lines += [BLANK, *wrap(text, width, "muted")]
    return lines
