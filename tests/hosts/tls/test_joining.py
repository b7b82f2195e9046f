"""How a host over TLS is added, joins, and gets another certificate."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import signal
import socket
import ssl
import stat
from pathlib import Path

import msgspec
import psutil
import pytest
from click.testing import CliRunner

from emeth_tui.cli.hosts.joining import service
from emeth_tui.errors import ExitCode, HostError
from emeth_tui.hosts.keeper.place import KeeperPlace, Means
from emeth_tui.hosts.node.book import Book, Host, OverTls, read_book
from emeth_tui.hosts.tls.certificates import Authority
from emeth_tui.hosts.tls.contexts import TlsFiles, context_of
from emeth_tui.hosts.tls.invitation import read_invitation
from emeth_tui.hosts.tls.inviting import check_extra, here_towards, place_of_text, write_host_file
from emeth_tui.hosts.tls.names import NODE_DNS_NAME, Place, dns_name
from emeth_tui.notices.reasons.network.breaches import CertificateReplaced
from emeth_tui.notices.reasons.network.host import (
    HostsExtraMissing,
    InvitationOpen,
    InvitationUnreadable,
    NoHostAddress,
    NotOverTls,
    OtherNodePort,
)
from emeth_tui.service.host_unit import host_unit
from emeth_tui.service.systemd import Systemd
from tests.hosts.far import LIMIT_S, NODE, FarHost
from tests.hosts.test_commands import Here
from tests.hosts.tls.network import Network
from tests.hosts.ways import OverTls as TlsWay
from tests.loopback import free_port

PLACE, HERE = Place("10.0.0.2", 9787), Place("10.0.0.1", 9786)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("10.0.0.2", PLACE),
        ("10.0.0.2:7000", Place("10.0.0.2", 7000)),
        ("box.example", Place("box.example", 9787)),
        ("fd00::2", Place("fd00::2", 9787)),
        ("[fd00::2]:7000", Place("fd00::2", 7000)),
    ],
)
def test_an_address_has_a_port_or_the_usual_one(text: str, place: Place) -> None:
    assert place_of_text(text, 9787) == place
    assert place_of_text(str(place), 1) == place


@pytest.mark.parametrize(
    "text", ["", "-x", "a b", "10.0.0.2:", "10.0.0.2:x", "a:70000", "a/b", "[::1", "a\n"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(HostError) as refused:
        place_of_text(text, 9787)
    assert isinstance(refused.value.reason, NoHostAddress)


def test_this_machine_is_found_by_its_route() -> None:
    assert here_towards(Place("127.0.0.5", 9787)).address.startswith("127.0.0.")


def test_all_hosts_reach_the_node_at_one_port_and_only_those_over_tls_have_certificates() -> None:
    book = (
        Book(NODE).with_host(Host("b", "b", tls=OverTls(PLACE, HERE, "0" * 64))).with_host(Host("s", "you@s"))
    )
    with pytest.raises(HostError) as refused:
        book.with_host(Host("c", "c", tls=OverTls(PLACE, Place("10.0.0.1", 1), "0" * 64)))
    assert refused.value.reason == OtherNodePort(1, 9786)
    assert book.rotated("b", "1" * 64).find("b").tls == OverTls(PLACE, HERE, "1" * 64)
    with pytest.raises(HostError) as refused:
        book.rotated("s", "1" * 64)
    assert refused.value.reason == NotOverTls("s")


def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    check_extra()
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "distributed" else found(name)
    )
    with pytest.raises(HostError) as refused:
        check_extra()
    assert refused.value.reason == HostsExtraMissing()


def test_the_file_is_its_owners_alone_and_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "b.emeth"
    tls = write_host_file(tmp_path, NODE, "b_-", PLACE, HERE, path)
    invitation = read_invitation(path)
    assert (invitation.name, invitation.node) == ("b_-", NODE)
    assert (invitation.own_place, invitation.node_place) == (PLACE, HERE)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for file in (tmp_path / "hosts-tls").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    context = context_of(path, invitation.trusted, server=False)
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
    assert write_host_file(tmp_path, NODE, "b_-", PLACE, HERE, path).certificate != tls.certificate
    assert read_invitation(path).trusted == invitation.trusted

    path.chmod(0o640)
    with pytest.raises(HostError) as refused:
        read_invitation(path)
    assert refused.value.reason == InvitationOpen(path)


@pytest.mark.parametrize("content", ["", "{}\n", "x" * 100_000, '{"emeth_host": 1}\n', "\0\xff"])
def test_another_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "b.emeth"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(HostError) as refused:
        read_invitation(path)
    assert isinstance(refused.value.reason, InvitationUnreadable)


def test_a_damaged_key_is_said(tmp_path: Path) -> None:
    from emeth_tui.hosts.tls.relay import Joining

    path = tmp_path / "b.emeth"
    write_host_file(tmp_path, NODE, "b", PLACE, HERE, path)
    content = path.read_text()
    begin = content.index("-----BEGIN PRIVATE KEY-----") + 40
    path.write_text(content[:begin] + "AAAA" + content[begin + 4 :])
    with pytest.raises(HostError) as refused:
        Joining(read_invitation(path), KeeperPlace(tmp_path), Means((), 0), print, print)
    assert isinstance(refused.value.reason, InvitationUnreadable)


def test_an_authority_and_the_nodes_certificate_belong_together_whenever_a_crash_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = TlsFiles(tmp_path / "hosts-tls")
    Authority(files)
    files.trusted.unlink()
    Authority(files)
    files.authority.unlink()
    with monkeypatch.context() as crashing:
        crashing.setattr(Path, "unlink", crash)
        with pytest.raises(OSError, match="crash"):
            Authority(files)
    authority = Authority(files)
    assert files.trusted.read_text() == authority.certificate
    context = context_of(files.node, authority.certificate, server=True)
    assert context.get_ca_certs()


def crash(*_arguments: object, **_options: object) -> None:
    raise OSError("crash")


def test_an_authority_signs_for_a_name_of_any_host(tmp_path: Path) -> None:
    files = TlsFiles(tmp_path / "hosts-tls")
    first, again = Authority(files), Authority(files)
    assert first.certificate == again.certificate
    assert again.issue(dns_name("b")).pem.count("PRIVATE KEY") == 2  # one key, with its begin and end


def test_systemd_leaves_the_keeper_alone() -> None:
    unit = host_unit(
        ["/usr/bin/python3", "-m", "emeth_tui", "hosts", "join", "/home/my box/b.emeth"], "b", NODE
    )
    assert f"Description=Emeth host b of node {NODE}\n" in unit
    assert "KillMode=process\n" in unit
    assert "OOMPolicy=continue\n" in unit
    assert 'ExecStart=:/usr/bin/python3 -m emeth_tui hosts join "/home/my box/b.emeth"\n' in unit


def test_a_machine_that_is_a_host_of_two_nodes_has_a_unit_for_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(Systemd, "runs", False)
    for node in (NODE, "0" * 16):
        path = tmp_path / f"{node}.emeth"
        write_host_file(tmp_path / node, node, "b", PLACE, HERE, path)
        assert CliRunner().invoke(service, [str(path)], catch_exceptions=False).exit_code == 0
    units = {path.name: path.read_text() for path in (tmp_path / "config/systemd/user").iterdir()}
    assert set(units) == {f"emeth-tui-host-b-{NODE}.service", f"emeth-tui-host-b-{'0' * 16}.service"}
    assert all(f"{name[-24:-8]}.emeth" in text for name, text in units.items())


@pytest.mark.process
@pytest.mark.slow
def test_a_host_is_added_and_rotated(tmp_path: Path) -> None:
    here = Here(tmp_path)
    path = tmp_path / "b.emeth"
    added = here.hosts("add", "b", "127.0.0.2", "--file", str(path))
    assert (added.returncode, added.stdout) == (0, "host b is added; a running node uses it within seconds\n")
    assert "b.emeth holds b's key" in added.stderr
    assert "this machine reaches it at 127.0.0.2:9787" in added.stderr
    (listed,) = here.listed()
    assert (listed["name"], listed["destination"]) == ("b", "127.0.0.2:9787")
    first = read_book(here.state_dir).find("b").tls
    assert here.hosts("rotate", "b", "--file", str(path)).returncode == 0
    second = read_book(here.state_dir).find("b").tls
    assert first is not None
    assert second is not None
    assert msgspec.structs.replace(second, certificate=first.certificate) == first != second
    unit = here.hosts("service", str(path), "--print")
    assert str(path) in unit.stdout
    both = here.hosts("add", "c", "127.0.0.3", "--ssh", "you@c")
    assert both.returncode == ExitCode.USAGE
    path.chmod(0o644)
    open_to_all = here.hosts("join", str(path))
    assert (open_to_all.returncode, "chmod 600" in open_to_all.stderr) == (ExitCode.SSH, True)
    assert json.loads((here.state_dir / "hosts.json").read_text())["hosts"][0]["name"] == "b"


@pytest.mark.process
@pytest.mark.slow
async def test_a_new_certificate_takes_the_place_of_the_old_while_the_keeper_goes_on(
    network: Network, over_tls: TlsWay, far: FarHost
) -> None:
    network.certificate.rename(over_tls.invitation)
    over_tls.join()
    async with network.connected() as connection:
        await asyncio.wait_for(connection.joined.wait(), LIMIT_S)
        keeper = far.keeper_pid
        assert ports_of(network.link_pid) == {network.here.port}  # and no pages
        assert ports_of(far.pids("join")[0]) == {network.place.port}
        assert resident_bytes(network.link_pid) <= 100e6
        assert resident_bytes(far.pids("join")[0]) + resident_bytes(keeper) <= 120e6
        tls = network.host.tls
        assert tls is not None
        network.host = Host(
            "b",
            "b",
            tls=write_host_file(network.directory, NODE, "b", tls.place, tls.here, network.certificate),
        )
        connection.relink()
        while not network.refused:  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.005)
        assert set(network.refused) == {CertificateReplaced()}
        assert not connection.joined.is_set()
        network.certificate.rename(over_tls.invitation)  # which the relay reads before it tries again
        await asyncio.wait_for(connection.joined.wait(), LIMIT_S)

        os.kill(network.link_pid, signal.SIGKILL)
        while connection.joins < 3:  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.005)
        assert far.keeper_pid == keeper


@pytest.mark.process
@pytest.mark.slow
async def test_a_port_that_is_taken_is_said(network: Network) -> None:
    port = free_port()
    listening = await asyncio.start_server(lambda _reader, writer: writer.close(), "0.0.0.0", port)  # noqa: S104
    tls = network.host.tls
    assert tls is not None
    here = Place("127.0.0.1", port)
    network.host = Host("b", "b", tls=OverTls(tls.place, here, tls.certificate))
    async with network.connected() as connection:
        assert "in use" in str(connection.away_because)
    listening.close()
    await listening.wait_closed()


def ports_of(pid: int) -> set[int]:
    """Return the ports at which a process listens, on whichever addresses."""
    listening = [
        each for each in psutil.Process(pid).net_connections("inet") if each.status == psutil.CONN_LISTEN
    ]
    return {each.laddr.port for each in listening}


def resident_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.slow
@pytest.mark.process
async def test_a_link_that_ends_while_it_serves_a_host_logs_nothing(network: Network) -> None:
    async with network.connected():
        await network.links.close()
        assert "Traceback" not in (network.directory / "logs" / "hosts-tls.log").read_text()


async def test_a_side_that_hangs_up_before_tls_begins_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from tornado.iostream import IOStream

    from emeth_tui.hosts.tls import wire
    from emeth_tui.hosts.tls.serving import connection_options

    class HangsUp:
        async def connect(self, *_: object, **__: object) -> IOStream:
            stream = IOStream(socket.socket())
            stream.close()
            return stream

    monkeypatch.setattr(wire._Connector, "client", HangsUp())
    options = connection_options(ssl.create_default_context(), NODE_DNS_NAME)
    with pytest.raises(OSError, match="Connection reset by peer"):
        await wire._Connector().connect("127.0.0.1:1", **options)
