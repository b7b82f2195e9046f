"""`network deploy`, `network join` and `network info`, as programs on a real chain."""

from __future__ import annotations

import json

import pytest

from emeth_tui.errors import ExitCode
from emeth_tui.settings.profiles import read_profile
from tests.cli.commands.world import check
from tests.cli.network.world import CHAIN_ID, World, person

pytestmark = pytest.mark.process


@pytest.mark.slow
async def test_a_network_is_deployed_once_and_joined(world: World) -> None:
    operator, node = world.people["operator"], world.people["node"]
    options = ("--deposit-rate", "50", "--day-reward", "1001", "--cap", "99", "--verifier", node.address)

    made = await operator.json(*world.deploying(*options))
    again = await operator.json(*world.deploying(*options))

    check("network deploy", made)
    assert again == made
    assert (made["chain_id"], made["verifier"]) == (CHAIN_ID, node.address)
    assert made["minter"] == made["core_address"]
    profile = read_profile(world.profile)
    assert (profile.core_address, profile.token_address) == (made["core_address"], made["token_address"])
    assert world.profile.stat().st_mode & 0o777 == 0o644
    record = world.directory / "network.deployment.json"
    assert record.stat().st_mode & 0o777 == 0o600
    assert operator.key.hex() not in record.read_text("utf-8") + world.profile.read_text("utf-8")

    await node.output("network", "join", str(world.profile), "--yes")
    seen = await node.json("network", "info")
    check("network info", seen)
    assert (seen["core_address"], seen["verifier"]) == (made["core_address"], node.address)
    assert (seen["deposit_rate"], seen["max_slot_gas_per_node"]) == (50_000, "99")
    assert seen["day_reward_wei"] == str(1_001 * 10**18)
    assert (seen["days"], seen["nodes"], seen["jobs"]) == ([], [], {})
    shown = await node.output("network", "info")
    assert "50 %" in shown
    assert made["core_address"] in shown


async def test_what_was_begun_otherwise_is_not_gone_on_with(world: World) -> None:
    operator, other = world.people["operator"], world.people["other"]
    await operator.output(*world.deploying())
    before = world.profile.read_text("utf-8")

    terms = await operator.run(*world.deploying("--verifier-fee", "7"))
    account = await other.run(*world.deploying())
    record = world.directory / "network.deployment.json"
    begun = json.loads(record.read_text("utf-8"))
    begun["beginning"]["genesis_hash"] = "0x" + "00" * 32
    record.write_text(json.dumps(begun), "utf-8")
    chain = await operator.run(*world.deploying())
    record.unlink()
    profile = await operator.run(*world.deploying())

    for result, said in (
        (terms, "begun with another verifier_fee_wei"),
        (account, f"{operator.address} began this deployment"),
        (chain, "begun on another chain (id 31337)"),
        (profile, "network.toml: is there already"),
    ):
        assert (result.returncode, said in result.stderr) == (ExitCode.SERVING, True), result.stderr
    assert world.profile.read_text("utf-8") == before


async def test_nothing_is_deployed_unasked_or_with_a_profile_that_is_wrong(world: World) -> None:
    operator = world.people["operator"]
    unasked = await operator.run(*(word for word in world.deploying() if word != "--yes"))
    misnamed = await operator.run(*world.deploying("--name", "devnet"))
    bad_url = await operator.run(*world.deploying("--url", "ftp://x"))

    assert unasked.returncode == ExitCode.NOT_CONFIRMED
    assert "288,000.00 EMT" in unasked.stderr
    assert misnamed.returncode == bad_url.returncode == ExitCode.SETTINGS
    assert "devnet is a network that ships with emeth-tui" in misnamed.stderr
    assert not list(world.directory.glob("network.*"))


async def test_a_deployer_without_money_is_told_what_it_takes(world: World) -> None:
    poor = person(world.directory, "poor")
    poor.settle()

    result = await poor.run(*world.deploying())

    assert result.returncode == ExitCode.UNFUNDED
    assert f"ETH and {poor.address} holds 0" in result.stderr
    assert not list(world.directory.glob("network.*"))


async def test_a_profile_changes_nothing_else_and_holds_no_secret(world: World) -> None:
    operator, node = world.people["operator"], world.people["node"]
    await operator.output(*world.deploying("--name", "lab", "--verification", "loss"))
    node.config.write_text(
        "# mine\n" + node.config.read_text("utf-8") + '[networks.lab]\nverification_key = "kept"\n', "utf-8"
    )

    world.profile.write_text(
        world.profile.read_text("utf-8").replace("info_url", 'storage_hosts = ["10.0.0.9"]\ninfo_url'),
        "utf-8",
    )
    shown = await node.run("network", "join", str(world.profile), "--yes")
    joined = node.config.read_text("utf-8")
    world.profile.write_text(world.profile.read_text("utf-8") + 'verification_key = "x"\n', "utf-8")
    refused = await node.run("network", "join", str(world.profile), "--yes")

    assert "further hosts  10.0.0.9" in shown.stderr
    assert "# mine" in joined
    assert 'verification_key = "kept"' in joined
    assert 'network = "lab"' in joined
    assert 'verification = "loss"' in joined
    assert refused.returncode == ExitCode.SETTINGS
    assert "verification_key: there is no such key" in refused.stderr
    assert node.config.read_text("utf-8") == joined
