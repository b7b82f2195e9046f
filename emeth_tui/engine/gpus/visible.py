"""CUDA_VISIBLE_DEVICES: which of the machine's GPUs CUDA shows to a process, and in which order.

As the CUDA programming guide has it, and as torch reads the variable: the first entry decides between
indices and names, the first invalid entry ends the list, and a GPU that is named twice empties it. Of MIG
devices a process sees one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

UNKNOWN = "?"  # begins the entry of a GPU whose UUID the driver does not report
VISIBLE_DEVICES = "CUDA_VISIBLE_DEVICES"
DEVICE_ORDER = "CUDA_DEVICE_ORDER"
_INDEX = re.compile(r"\s*\+?([0-9]{1,9})")  # whatever follows the digits does not count


def visible_gpus(value: str | None, uuids: Sequence[str]) -> list[str]:
    """Return the UUIDs of the visible GPUs, in CUDA's order. `uuids` are those of all, in that order too.

    `value` is the variable's, None where it is not set. A MIG device is returned as it is named.
    """
    if value is None:
        return list(uuids)
    entries = value.split(",")
    if value.startswith("MIG-"):
        return entries[:1] if len(set(entries)) == len(entries) else []
    named = value.startswith("GPU-")
    chosen: list[str] = []
    for entry in entries:
        uuid = _by_name(entry, uuids) if named else _by_index(entry, uuids)
        if uuid is None:
            break
        chosen.append(uuid)
    return chosen if len(set(chosen)) == len(chosen) else []


def _by_index(entry: str, uuids: Sequence[str]) -> str | None:
    index = _INDEX.match(entry)
    return uuids[int(index[1])] if index and int(index[1]) < len(uuids) else None


def _by_name(entry: str, uuids: Sequence[str]) -> str | None:
    """Return the one UUID that begins with an entry; the entry itself where UUIDs are not known."""
    if not entry.startswith("GPU-"):
        return None
    matching = [uuid for uuid in uuids if uuid.startswith(entry)]
    if not matching and any(uuid.startswith(UNKNOWN) for uuid in uuids):
        return entry
    return matching[0] if len(matching) == 1 else None
