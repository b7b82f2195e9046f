"""The chain client loads none of web3's transports, and they work for whoever uses them."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

LOAD = """
import asyncio, importlib, sys
TRANSPORTS = {"aiohttp", "requests", "websockets.asyncio"}
from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.clients.transactions.broadcast import broadcast
from emeth_tui.network.deploy import deploy
assert not TRANSPORTS & set(sys.modules), "the chain client loads them"
from emeth_tui.clients.loaded_later import WEB3_TRANSPORTS
assert not set(WEB3_TRANSPORTS) & set(sys.modules), "a stand-in stays"
"""
USE = """
from web3 import AsyncHTTPProvider, AsyncWeb3, AutoProvider, HTTPProvider, WebSocketProvider
from web3.providers.async_base import AsyncBaseProvider
assert not isinstance(AutoProvider(), (HTTPProvider, AsyncHTTPProvider))
assert not TRANSPORTS & set(sys.modules), "they are loaded before they are used"
for name in TRANSPORTS:
    assert importlib.import_module(name).__file__, "not the real one"
http, blocking = AsyncHTTPProvider("http://127.0.0.1:1"), HTTPProvider()
for provider in (http, blocking, WebSocketProvider("ws://127.0.0.1:1")):
    module = sys.modules[type(provider).__module__]
    assert vars(module)[type(provider).__name__] is type(provider)
assert isinstance(http, AsyncHTTPProvider) and isinstance(AsyncWeb3(http).provider, AsyncBaseProvider)
class Mine(AsyncHTTPProvider): ...
assert Mine.__mro__[1] is type(http)
import aiohttp, requests
assert aiohttp.ClientError in http.exception_retry_configuration.errors
assert requests.Timeout in blocking.exception_retry_configuration.errors
async def refused():
    w3 = AsyncWeb3(http)
    http.exception_retry_configuration.retries = 1
    try:
        await w3.eth.block_number
    except aiohttp.ClientConnectorError:
        print("refused")
    await http.disconnect()
asyncio.run(refused())
"""


@pytest.mark.process
@pytest.mark.parametrize(("script", "printed"), [(LOAD, ""), (LOAD + USE, "refused\n")], ids=["load", "use"])
def test_web3s_transports_are_loaded_when_they_are_used(script: str, printed: str) -> None:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, printed), done.stderr
