"""Hosts that were taken over, at the real scheduler, link and relay: nothing executes, and all is said."""

from __future__ import annotations

import asyncio
import pickle
import ssl
import struct
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest
from distributed.comm.core import Comm

from emeth_tui.hosts import messages
from emeth_tui.hosts.tls import wire
from emeth_tui.hosts.tls.contexts import TlsFiles, context_of
from emeth_tui.hosts.tls.names import NODE_DNS_NAME, Place, dns_name
from emeth_tui.hosts.tls.wire import MAX_CONNECTIONS
from emeth_tui.notices.reasons.network.breaches import (
    CertificateReplaced,
    MessageUnreadable,
    TooManyConnections,
)
from emeth_tui.notices.reasons.network.host import HostRulesBroken, NotJoined
from emeth_tui.words.sentences import english
from tests.hosts.far import FarHost, until
from tests.hosts.test_hostile_host import HELLO, frame
from tests.hosts.tls.intruder import (
    GREETING,
    LIMIT_S,
    Intruder,
    certificate,
    encode,
    intruding,
    packed,
    serialized,
    to_pickle,
)
from tests.hosts.tls.network import REGISTER, Act, Network, away
from tests.hosts.ways import OverTls
from tests.words.japanese import english_left

pytestmark = [pytest.mark.process, pytest.mark.slow]


def commands(mark: Path) -> list[dict[str, object]]:
    """Operations of dask's that execute, write or ask for what they are given."""
    payload = pickle.dumps(mark.touch)
    return [
        {"op": "run_function", "function": payload, "args": (), "kwargs": {}},
        {"op": "register_scheduler_plugin", "plugin": payload, "name": "x", "idempotent": True},
        {"op": "upload_file", "filename": str(mark), "data": b"x", "load": True},
        {"op": "log_event", "topic": "x", "msg": payload},
        {"op": "events"},
        {"op": "feed", "function": payload},
        {"op": "broadcast", "msg": {"op": "run"}},
        {"op": "terminate"},
        {"op": ["identity"]},
    ]


async def test_what_a_host_sends_to_the_scheduler_is_refused(network: Network) -> None:
    mark = network.mark
    attacks: list[tuple[Act, bool]] = [
        *((lambda i, n=n: i.write(packed(to_pickle(mark, n))), True) for n in range(6)),  # type: ignore[misc]
        (lambda i: i.write(packed(serialized(mark))), True),
        (lambda i: i.write(packed(to_pickle(mark, 5))), False),  # before any greeting
        (lambda i: i.send({"hello": 1}), False),
        (lambda i: i.write(struct.pack("Q", 2**40)), True),
        (lambda i: i.write(struct.pack("Q", 2**17)), True),  # 1 MB of empty maps would be 70 MB here
        (lambda i: i.write(struct.pack("Q", 17) + b"\0" * 17), True),
        (lambda i: i.write(packed([b"\xc1"])), True),
        (lambda i: i.send({**REGISTER, "name": "c"}), True),
        *((lambda i, c=c: i.send(c), True) for c in commands(mark)),  # type: ignore[misc]
        *((lambda i, m=m: in_stream(i, m), True) for m in stream_messages(mark)),  # type: ignore[misc]
    ]
    async with network.connected() as connection:
        for number, (act, greet) in enumerate(attacks, 1):
            await asyncio.to_thread(network.intrude, act, greet=greet)
            await asyncio.to_thread(until, lambda number=number: len(network.refused) == number, LIMIT_S)
        with intruding(network.here, network.certificate, NODE_DNS_NAME) as intruder:
            intruder.greet()
            intruder.send(
                {"op": "identity", "x": {"__Pickled__": 1, "__Serialized__": 1}}
            )  # words, and no more
            assert intruder.receive()["type"] == "Scheduler"
        assert not connection.joined.is_set()
    assert not mark.exists()
    said = [reason for reason in network.refused if not isinstance(reason, MessageUnreadable)]
    assert {word for reason in said for word in english_left(reason)} == set()


async def test_a_host_gets_a_few_connections_and_no_more(network: Network) -> None:
    async with network.connected() as connection:
        with ExitStack() as held:
            for _ in range(MAX_CONNECTIONS):
                held.enter_context(intruding(network.here, network.certificate, NODE_DNS_NAME)).receive()
            await asyncio.to_thread(network.intrude, lambda _intruder: None, greet=False)
            await asyncio.to_thread(until, lambda: network.refused, LIMIT_S)
        assert network.refused == [TooManyConnections(MAX_CONNECTIONS)]
        await asyncio.to_thread(register, network)  # those that are over count no more
        assert not connection.joined.is_set()


def register(network: Network) -> None:
    with intruding(network.here, network.certificate, NODE_DNS_NAME) as intruder:
        intruder.greet()
        intruder.send(REGISTER)
        assert intruder.receive()["status"] == "OK"


async def test_who_never_greets_is_cut_off(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "_HANDSHAKE_LIMIT_S", 2.0)
    files = network.files
    context = context_of(files.node, files.trusted.read_text("ascii"), server=True)

    def serve(_comm: Comm) -> None:
        raise AssertionError

    listener = wire._Listener("127.0.0.1:0", serve, ssl_context=context, require_encryption=True)
    await listener.start()
    _address, port = listener.get_host_port()

    def say_nothing() -> None:
        with intruding(Place("127.0.0.1", port), network.certificate, NODE_DNS_NAME) as intruder:
            assert intruder.is_shown_the_door()

    await asyncio.to_thread(say_nothing)
    listener.stop()


def stream_messages(mark: Path) -> list[object]:
    payload = pickle.dumps(mark.touch)
    return [
        [{"op": "task-erred", "key": "x", "exception": payload, "traceback": payload}],
        {"op": "add-keys", "keys": ["x"]},
        [None],
    ]


def in_stream(intruder: Intruder, message: object) -> None:
    intruder.send(REGISTER)
    assert intruder.receive()["status"] == "OK"
    intruder.send(message)


def answers(mark: Path) -> list[tuple[Act, bool]]:
    """What a relay may say that it must not, and whether dask's greeting comes before."""
    payload = pickle.dumps(mark.touch)
    error = {"status": "uncaught-error", "text": "x", "exception": payload, "traceback": payload}
    hello = frame(HELLO, 1)
    listing = {"type": "Files", "request": 1, "files": [{"name": "../../x", "size_bytes": 1}]}

    def after_ok(*said: object) -> Act:
        def act(intruder: Intruder) -> None:
            intruder.send({"status": "OK"})
            for message in said:
                intruder.send(message)

        return act

    def pickled_later(intruder: Intruder) -> None:
        intruder.send({"status": "OK"})
        intruder.write(packed(to_pickle(mark, 5)))

    return [
        (lambda i: i.write(packed(to_pickle(mark, 5))), False),
        (lambda i: i.write(packed(to_pickle(mark, 5))), True),
        (lambda i: i.send(error), True),
        (lambda i: i.write(struct.pack("Q", 2**40)), True),
        (pickled_later, True),
        (after_ok(error), True),
        (after_ok(hello, frame(messages.Beat(), 1)), True),
        (after_ok(hello, frame(messages.Beat(), 3)), True),
        (after_ok(hello, frame(listing, 2)), True),
        (after_ok(frame(b"", 1, length=2**31)), True),
    ]


async def test_what_a_relay_answers_is_refused(network: Network) -> None:
    for number, (act, greet) in enumerate(answers(network.mark)):
        async with network.connected() as connection:
            assert isinstance(connection.away_because, NotJoined)
            await asyncio.to_thread(network.pretend, act, greet=greet)
            reason = await away(connection, NotJoined)
            assert isinstance(reason, HostRulesBroken), (number, reason)
            if not isinstance(reason.cause, MessageUnreadable):  # in words of the reader's library
                assert english_left(reason) == set(), number
    assert not network.mark.exists()


async def test_another_hosts_certificate_opens_nothing(network: Network) -> None:
    others, old = network.directory / "c.pem", network.directory / "old.pem"
    stranger = network.directory / "stranger.pem"
    certificate(network.files, others, dns_name("c"))
    certificate(network.files, old, dns_name("b"))
    certificate(TlsFiles(network.directory / "other-authority"), stranger, dns_name("b"))
    async with network.connected():
        for path in (others, old):
            with intruding(network.here, path, NODE_DNS_NAME) as intruder:
                intruder.send(GREETING)
                assert intruder.is_shown_the_door()
        with (
            pytest.raises((ssl.SSLError, EOFError)),
            intruding(network.here, stranger, NODE_DNS_NAME) as intruder,
        ):
            intruder.greet()
        await asyncio.to_thread(until, lambda: network.refused, LIMIT_S)
    assert network.refused == [CertificateReplaced()]
    for path, said in ((others, "Hostname mismatch"), (old, "a certificate that was replaced")):
        async with network.connected() as connection:
            with pytest.raises((ssl.SSLError, EOFError, AssertionError)):
                await asyncio.to_thread(network.pretend, refuse_nothing, path)
            reason = await away(connection, NotJoined)
            assert isinstance(reason, HostRulesBroken)
            assert said in english(reason.cause)


def refuse_nothing(intruder: Intruder) -> None:
    intruder.send({"status": "OK"})


async def test_a_relay_takes_orders_of_nobody(network: Network, over_tls: OverTls, far: FarHost) -> None:
    network.certificate.rename(over_tls.invitation)
    over_tls.join()
    others, mark = network.directory / "c.pem", network.mark
    certificate(network.files, others, dns_name("c"))
    orders = [
        *(packed([encode(command)]) for command in commands(mark)),
        *(
            packed([encode({"op": operation})])
            for operation in ("run", "get_data", "plugin-add", "actor_execute")
        ),
        *(packed(to_pickle(mark, number)) for number in range(6)),
        packed(serialized(mark)),
        struct.pack("Q", 2**40),
    ]
    async with network.connected() as connection:
        await asyncio.wait_for(connection.joined.wait(), LIMIT_S)
        keeper = far.keeper_pid
        for path, order in [(others, orders[0]), *((network.files.node, order) for order in orders)]:
            with intruding(network.place, path, dns_name("b")) as intruder:
                intruder.send(GREETING)
                intruder.write(order)
                assert intruder.is_shown_the_door()
        log = over_tls.far.home / "join.log"
        await asyncio.to_thread(
            until, lambda: log.read_text().count("refused, of ") == len(orders) + 1, LIMIT_S
        )
        assert connection.joined.is_set()
        assert (connection.joins, far.keeper_pid) == (1, keeper)
    assert not mark.exists()


@pytest.mark.parametrize("frames", [*(f"pickle {number}" for number in range(6)), "serialized"])
def test_dask_itself_opens_what_is_refused_here(tmp_path: Path, frames: str) -> None:
    from distributed.protocol.core import loads

    mark = tmp_path / "executed"
    sent = serialized(mark) if frames == "serialized" else to_pickle(mark, int(frames[-1]))
    loads(sent)
    assert mark.exists()


def test_a_message_of_ours_is_one_of_theirs() -> None:
    from distributed.protocol.core import dumps

    assert [bytes(part) for part in dumps({"op": "identity"})] == [msgspec.msgpack.encode({"op": "identity"})]
