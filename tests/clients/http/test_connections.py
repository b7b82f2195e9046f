"""Connections over TLS: only to servers whose certificate a known authority has signed."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from emeth_tui.clients.http.connections import new_http_client
from tests.clients.listening import listening

OPENSSL = shutil.which("openssl")
HOSTS = ["127.0.0.1", "127.0.0.2"]  # one reached directly, one by way of the environment's proxies

pytestmark = pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed, to make a certificate")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that its own server has signed, and the key in the same file."""
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    names = ",".join(f"IP:{host}" for host in HOSTS)
    command = [
        OPENSSL or "",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
    ]
    command += ["-subj", "/CN=test", "-addext", f"subjectAltName={names}", "-days", "1"]
    subprocess.run([*command, "-keyout", path, "-out", path], check=True, capture_output=True)
    return path


@pytest.fixture
async def port(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """The port of a server that answers everyone."""
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with listening(answer, host="0.0.0.0", context=context) as port:  # noqa: S104
        yield port


@pytest.mark.parametrize("host", HOSTS)
async def test_a_certificate_that_nobody_vouches_for_is_refused(
    port: int, certificate: Path, host: str
) -> None:
    url = f"https://{host}:{port}/"
    async with httpx.AsyncClient(verify=ssl.create_default_context(cafile=certificate)) as trusting:
        assert (await trusting.get(url)).status_code == httpx.codes.OK

    async with new_http_client() as client:
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await client.get(url)
