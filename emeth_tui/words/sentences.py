"""Notices as sentences: one template for each class, filled with the notice's fields as people read them.

The English template of a class stands in the module of the same name under `words`; the catalogues
translate it. A placeholder is a field's name, and the field's name says how it is shown: `fee_wei` as an
amount of EMT, `size_bytes` as a size, `left_s` as a length of time. A count may choose its noun:
`{jobs:job|jobs}`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib import import_module

from msgspec.structs import asdict

from emeth_tui.foreign_text import clean
from emeth_tui.model import SECONDS_PER_DAY, Asker, JobState, ServiceName, WorkerPhase, format_token
from emeth_tui.notices.notice import Notice
from emeth_tui.words import formats
from emeth_tui.words.translation import _, in_english

_NOTICES, _WORDS = "emeth_tui.notices.", "emeth_tui.words."
_GAS_TOKEN_PLACES = 6
_COSTS = ("cost_", "needed_", "paid_")  # amounts that are never shown as less than they are
_IDENTIFIERS = frozenset({"pid", "status", "chain_id", "expected_chain_id", "schema"})  # no thousands


def text_of(notice: Notice) -> str:
    """Say a notice in the interface's language, on one line that is safe to show."""
    shown = {name: _shown(name, value) for name, value in asdict(notice).items()}
    return clean(_(template(type(notice))).format(**shown))


def english(notice: Notice) -> str:
    """Say a notice in English, for logs and machines, whatever the interface speaks."""
    with in_english():
        return text_of(notice)


def template(cls: type[Notice]) -> str:
    """Return the English template of a class."""
    sentences: Mapping[type[Notice], str] = import_module(words_module(cls)).SENTENCES
    return sentences[cls]


def words_module(cls: type[Notice]) -> str:
    """Return the name of the module that holds a class's words."""
    return _WORDS + cls.__module__.removeprefix(_NOTICES)


def _shown(name: str, value: object) -> str | formats.Count:
    if isinstance(value, Notice):
        return text_of(value)
    if isinstance(value, JobState):
        return formats.state_name(value)
    if isinstance(value, Asker) or (value is None and name == "by"):
        return clean(formats.asker_name(value))
    if isinstance(value, WorkerPhase):
        return formats.phase_name(value)
    if isinstance(value, ServiceName):
        return formats.service_name(value)
    if name == "status" and isinstance(value, str):
        return clean(formats.job_status_name(value))
    if isinstance(value, (int, float)):
        return _number(name, value)
    return clean(str(getattr(value, "value", value)))


def _number(name: str, value: int | float) -> str | formats.Count:
    # A loss that diverged, or what a stranger sent.
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, int) and value.bit_length() > formats.MOST_BITS:
        return formats.Count(value)
    if name.endswith("_native_wei"):
        show = formats.rounded_up if name.startswith(_COSTS) else format_token
        return show(int(value), _GAS_TOKEN_PLACES)
    if name.endswith("_wei"):
        return formats.exact_emt(int(value))  # rounding would hide a part of a cost
    if name.endswith("_bytes"):
        return formats.size(value)
    if name.endswith("_unix_s"):
        return formats.moment(value)
    if name.endswith("_s"):
        return formats.duration(value)
    if name == "slot":  # a day of the network's
        return formats.day_of(value * SECONDS_PER_DAY)
    if name.endswith("_share"):
        return formats.percent(value)
    if name.endswith("_worth"):  # in the owner's currency, which stands beside it
        return f"{value:,.2f}"
    if name.endswith("_percent"):
        return f"{value:g} %"
    if isinstance(value, float):
        return f"{value:.3f}" if "loss" in name else f"{value:,.1f}"
    if name == "pid" and not value:
        return "?"  # not known
    return str(value) if name in _IDENTIFIERS else formats.Count(value)
