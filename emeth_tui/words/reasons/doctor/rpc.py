"""The sentences of notices/reasons/doctor/rpc.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons.doctor import rpc

SENTENCES: Mapping[type[Notice], str] = {
    rpc.ChainServed: "{where}: chain {chain_id}, block {block}, {age_s} old",
    rpc.HeadOld: "{where}: the newest block, {block}, is {age_s} old",
    rpc.EndpointAnswers: "{where}: answers in {milliseconds} ms",
    rpc.EndpointSlow: "{where}: takes {milliseconds} ms to answer",
    rpc.BatchesTaken: "{where}: takes batches of calls",
    rpc.BatchesRefused: "{where}: takes no batches: each look at the jobs is many requests",
    rpc.LogsAnswered: "{where}: gives the logs of {blocks} blocks at once",
    rpc.LogsRefused: "{where}: gives no logs: {cause}",
    rpc.EndpointSenseless: "{where}: answers with what makes no sense: {cause}",
    rpc.OnlyOneEndpoint: "there is one endpoint, and nothing to go on with when it fails",
}
