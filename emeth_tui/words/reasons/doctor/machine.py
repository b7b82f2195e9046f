"""The sentences of notices/reasons/doctor/machine.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons.doctor import machine

SENTENCES: Mapping[type[Notice], str] = {
    machine.DiskWrites: "{directory}: {speed_bytes} a second",
    machine.DiskSlow: "{directory}: {speed_bytes} a second; a checkpoint takes {checkpoint_s}",
    machine.DiskHasRoom: "{directory}: {free_bytes} free, of which jobs may take {limit_bytes}",
    machine.LimitAboveRoom: (
        "{directory}: {free_bytes} free, less than the {limit_bytes} that jobs may take"
    ),
    machine.LimitBelowJob: "jobs may take {limit_bytes}; one of {model} needs {needed_bytes}",
    machine.FileSystemIs: "{directory}: is on {file_system}",
    machine.DatabaseRemote: (
        "{directory}: is on {file_system}, where a database loses its locks and may be damaged"
    ),
    machine.StateInMemory: "{directory}: is on {file_system}, and gone after a restart of the machine",
    machine.ModelMade: "{model}: is made from each job's own text",
    machine.ModelHere: "{model}: is on this machine",
    machine.ModelOnHub: "{model}: is not here yet; the hub has it, {size_bytes}",
    machine.ModelOutOfReach: "{model}: is not here, and the hub does not answer ({detail})",
    machine.TerminalFits: "{terminal}, {columns}×{rows}, {colours} colours",
    machine.TerminalAbsent: "there is no terminal here to look at; a node without a screen needs none",
    machine.FewCharacters: "{terminal} has few characters, so the screen is drawn in ASCII",
    machine.TerminalSmall: "the terminal has {columns}×{rows} characters; the screen is made for 80×24",
    machine.EncodingFits: "the encoding is {encoding}",
    machine.EncodingPoor: "the encoding is {encoding}: lines, marks and Japanese cannot be drawn",
    machine.UnitThere: "{path} starts the node",
    machine.UnitLingers: "units of {user} go on after the last logout",
    machine.UnitEndsAtLogout: "{path} ends with the last login of {user}",
    machine.UnitStopsTooSoon: (
        "{path} gives the node {limit_s} to stop; a large checkpoint takes up to {needed_s}"
    ),
    machine.NoUnit: "no systemd unit starts the node",
    machine.NoSystemd: "systemd does not run here",
}
