"""The sentences of notices/reasons/network/rpc.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons.network import rpc

SENTENCES: Mapping[type[Notice], str] = {
    rpc.CallRefused: "{where} refused {method}: {said}",
    rpc.CallRefusedSilently: "{where} refused {method}: no reason given",
    rpc.NotANumber: "the endpoint's answer makes no sense: a number is {value}",
    rpc.NotData: "the endpoint's answer makes no sense: data is {value}",
    rpc.NoNewestBlock: "the endpoint has no newest block",
    rpc.OtherReceipt: "the endpoint answered with another transaction's receipt",
    rpc.LogsNotList: "the endpoint answered eth_getLogs with something else than a list",
    rpc.UnknownStatus: "there is no status {status}",
    rpc.NotDecodable: "the endpoint's answer to {call} cannot be decoded: {detail}",
}
