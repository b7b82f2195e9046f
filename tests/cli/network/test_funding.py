"""`network fund` brings an account up to what it should have, once."""

from __future__ import annotations

import pytest

from emeth_tui.clients.chain.client import ChainClient
from emeth_tui.errors import ExitCode
from emeth_tui.settings.profiles import read_profile
from tests.cli.network.world import NATIVE_WEI, World, person

pytestmark = [pytest.mark.process, pytest.mark.slow]
EMT = 10**18


async def test_the_same_command_again_sends_nothing_more(world: World) -> None:
    operator = world.people["operator"]
    await operator.output(*world.deploying("--supply", "500"))
    await operator.output("network", "join", str(world.profile), "--yes")
    node = person(world.directory, "somebody").address
    chain = await ChainClient.connect(read_profile(world.profile))
    command = ("network", "fund", node, "--emt", "200", "--native", "0.5", "--yes")

    unasked = await operator.run(*command[:-1])
    await operator.output(*command)
    has, left = await chain.balances(node), await chain.balances(operator.address)
    again = await operator.run(*command)
    more = await operator.output("network", "fund", node, "--emt", "250.5", "--yes")
    too_much = await operator.run("network", "fund", node, "--emt", "600", "--yes")
    now = await chain.balances(node)
    await chain.close()

    assert unasked.returncode == ExitCode.NOT_CONFIRMED
    assert (has.emt_wei, has.native_wei, left.emt_wei) == (200 * EMT, EMT // 2, 300 * EMT)
    assert left.native_wei < NATIVE_WEI - EMT // 2
    assert (again.returncode, "nothing is sent" in again.stderr) == (ExitCode.OK, True)
    assert more.strip() == node
    assert (now.emt_wei, now.native_wei) == (250 * EMT + EMT // 2, EMT // 2)
    assert too_much.returncode == ExitCode.UNFUNDED
