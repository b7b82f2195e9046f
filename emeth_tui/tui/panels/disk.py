"""Panel 4: the cache against its limit, the file system, and whether they keep jobs away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emeth_tui.protocol.job_ids import short
from emeth_tui.tui.drawing.lines import Line, bar, fit, join, line, right, wrap
from emeth_tui.words.formats import percent, size
from emeth_tui.words.sentences import text_of
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.notices.notice import Reason
    from emeth_tui.tui.drawing.glyphs import Glyphs
    from emeth_tui.tui.frame import Frame

NEARLY_FULL = 0.9
PERCENT_CELLS = 6


def disk_lines(frame: Frame, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """Draw the bar, what is reserved and free, what blocks claiming, then the jobs that hold most."""
    if frame.snapshot.from_chain_alone:
        from emeth_tui.notices.reasons.network.watching import (
            FromChainAlone,  # late: the first paint needs none
        )

        return wrap(text_of(FromChainAlone()), width, "muted")
    disk = frame.snapshot.disk
    used = disk.used_bytes / disk.limit_bytes if disk.limit_bytes else 1.0
    role = "warn" if disk.committed_bytes >= NEARLY_FULL * disk.limit_bytes else "accent"
    label = _("cache {used} of {limit}").format(used=size(disk.used_bytes), limit=size(disk.limit_bytes))
    head = line((label + " ", ""))
    if head.width + PERCENT_CELLS > width:
        head = line((f"{size(disk.used_bytes)} / {size(disk.limit_bytes)} ", ""))
    room = min(40, width - head.width - PERCENT_CELLS)
    cells = bar(used, room, glyphs, role) if room >= 6 else ()
    lines = [line(*head.spans, *cells, (right(percent(used), PERCENT_CELLS), ""))]
    reserved = max(0, disk.committed_bytes - disk.used_bytes)
    lines.append(
        join(
            [
                [(_("file system free") + " ", "muted"), (size(disk.free_bytes), "")],
                [(_("reserved") + " ", "muted"), (size(reserved), "")],
            ],
            width,
        )
    )
    if reason := blocked_by_disk(frame):
        lines.append(fit(line(("! " + text_of(reason), "warn")), width))
    biggest = sorted(disk.by_job, key=lambda entry: -entry[1])
    lines += [
        line((short(job_id), "accent"), (right(size(held_bytes), 10), ""))
        for job_id, held_bytes in biggest[: max(0, height - len(lines))]
    ]
    return lines


def blocked_by_disk(frame: Frame) -> Reason | None:
    """Return why the disk keeps jobs away, None when it does not."""
    from emeth_tui.notices.reasons.disk import CacheFull, FileSystemFull  # late: the first paint needs none
    from emeth_tui.notices.reasons.market import NoneTaken

    standstill = frame.snapshot.standstill
    reason = standstill.reason if standstill else None
    if isinstance(reason, NoneTaken):
        reason = reason.reason
    return reason if isinstance(reason, (CacheFull, FileSystemFull)) else None
