"""The sentences of notices/reasons/doctor/checkup.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons.doctor import checkup

SENTENCES: Mapping[type[Notice], str] = {
    checkup.CheckBroke: "this check itself broke: {error} at {place}",
    checkup.CheckHung: "no result within {limit_s}",
    checkup.NotChecked: "not checked: {cause}",
    checkup.LeftOut: "the training probe is left out",
    checkup.NoEndpointServes: "no endpoint serves chain {chain_id}",
    checkup.NoAddress: "no address is known: there is no keystore that names one",
    checkup.NoNetwork: "the settings name no network yet",
    checkup.NoPassword: "the keystore is not opened, for there is no password here",
}
