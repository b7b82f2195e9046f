"""The sentences of notices/reasons/network/exchange.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons.network import exchange

SENTENCES: Mapping[type[Notice], str] = {
    exchange.AnswerTooSlow: "{where} does not answer: not done after {limit_s}",
    exchange.AnswerTimedOut: "{where} does not answer: timed out",
    exchange.TimedOut: "it timed out",
    exchange.NoReasonGiven: "no reason given",
    exchange.ConnectionFailed: "{where} does not answer: {detail}",
    exchange.ServerBusy: "{where} is busy: HTTP status {status}",
    exchange.RpcBusy: "{where} is busy",
    exchange.AnswerTooLong: "{where} sent more than {limit_bytes}",
    exchange.AnswerCompressed: "{where} sent {encoding}, and was asked not to",
    exchange.NoChainId: "{where} does not say its chain id",
    exchange.NotJsonRpc: "{where} does not speak JSON-RPC",
    exchange.UnexpectedStatus: "{where} answers with HTTP status {status}",
    exchange.TransferBrokeOff: "{where} broke off: {detail}",
    exchange.TransferIncomplete: "{where} ended after {received_bytes} of {size_bytes}",
    exchange.TransferStalled: "only {moved_bytes} moved in {window_s}",
    exchange.TransferTooLong: "not done after {limit_s}",
    exchange.InvalidUrl: "an invalid URL came back: {url}",
    exchange.UrlNamesUser: "a URL with a user in it came back: {url}",
    exchange.AddressNotPublic: (
        "a URL came back that leads to {host}, {address}: that is not a public address; if it is right, "
        "allow it in storage_hosts of the network"
    ),
    exchange.RedirectElsewhere: "{where} sends us on to another host: {target}",
    exchange.TooManyRedirects: "{where} answers with one redirect after the other",
    exchange.PageInstead: "{where} sent a page ({content_type}) instead of the dataset",
    exchange.OtherLength: "{where} sends {sent:byte|bytes} instead of {expected}",
    exchange.LongerThanAnnounced: "{where} sends more than the {announced} bytes announced",
    exchange.FreshUrlRefused: "{where} refuses a fresh URL: HTTP status {status}",
    exchange.NothingBeyond: "{where} has nothing beyond what is here; starting over",
    exchange.RangeNotNamed: "the storage answers with a range that it does not name",
    exchange.OtherRange: "the storage sent another range, or has another dataset by now; starting over",
    exchange.FileShortened: "the file has become shorter",
}
