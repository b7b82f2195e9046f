"""The sentences of notices/reasons/network/info_server.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons.network import info_server

SENTENCES: Mapping[type[Notice], str] = {
    info_server.InfoServerDown: "info server: {cause}; check info_url",
    info_server.NotJobList: "info server: {where} does not answer with a list of jobs; check info_url",
    info_server.AppealRefused: (
        "job {job_id}: the appeal is refused ({status}): its time is over, or the job is not submitted by "
        "this account"
    ),
    info_server.NotJobJson: "info server: {where} answers with something else than JSON; check info_url",
}
