"""The sentences of notices/reasons/network/breaches.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons.network import breaches

SENTENCES: Mapping[type[Notice], str] = {
    breaches.MessageTooLong: "it sent a message of more than {limit_bytes}",
    breaches.MessageOutOfOrder: "it sent message {number} while message {missing} is missing",
    breaches.MessageUnreadable: "it sent {message}: {detail}",
    breaches.UnknownMessage: "it sent the unknown kind {name}",
    breaches.UnknownField: "it sent {message} with the unknown field {name}",
    breaches.SentInPlaceOf: "it sent {sent} in the place of {expected}",
    breaches.SecondHello: "it sent a second hello",
    breaches.LeftUnread: "it left {size_bytes} unread",
    breaches.NobodyWaitsFor: "it sent {messages:message|messages} that nobody waits for",
    breaches.MoreEpochsThanAsked: "it reports more epochs than the job's {epochs}",
    breaches.ResultTooEarly: "it reports a result before all epochs are trained",
    breaches.PartWithoutResult: "it reports the end of a part and no result",
    breaches.ResultOfPart: "it reports a result, which its part does not have",
    breaches.NotOneFrame: "it sent a message that is not one frame",
    breaches.NoGreeting: "it did not greet as dask does",
    breaches.TooManyConnections: "more than {connections} connections at a time",
    breaches.OtherCertificate: "a certificate for {name}, which has no business here",
    breaches.CertificateReplaced: "a certificate that was replaced",
    breaches.OtherHostName: "it registers as {name}",
    breaches.UnknownOperation: "it asked for the operation {name}",
    breaches.NoRelaysAnswer: "it does not answer as a relay does",
    breaches.WrongOffset: "bytes from {offset} on, not from {expected}",
    breaches.WrongLength: "{length:byte|bytes}, not {expected} as announced",
    breaches.WrongContent: "another content than announced",
    breaches.FileShrank: "the file became shorter",
    breaches.TooManyFiles: "more than {files} files at once",
    breaches.EmptyOrArriving: "an empty file, or one that is arriving already",
}
