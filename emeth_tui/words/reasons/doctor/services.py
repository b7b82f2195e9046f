"""The sentences of notices/reasons/doctor/services.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons.doctor import services

SENTENCES: Mapping[type[Notice], str] = {
    services.JobsListed: "{where}: {jobs:job|jobs} on offer, in {milliseconds} ms",
    services.SignatureTaken: "{where}: takes the account's signature",
    services.SignatureUndecided: (
        "{where}: answers a signed call with HTTP {status}, which says nothing about the signature: {said}"
    ),
    services.SignatureRefused: "{where}: refuses the account's signature with HTTP {status}: {said}",
    services.ClockAgrees: "the clock of this machine agrees with {service}",
    services.ClockNotCompared: "neither the storage nor the info server says what time it is",
}
