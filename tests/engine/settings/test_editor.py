"""Settings of a running node: what it really does after a change, and that a wrong one changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from emeth_tui.engine.settings_editor import Setting, SettingChange, as_text, settings_view
from emeth_tui.errors import SettingsError
from emeth_tui.model import OPERATOR, Language
from emeth_tui.notices.events.node import SettingChanged
from emeth_tui.settings import Origin, load_network
from emeth_tui.settings.loading import settings_layers
from emeth_tui.words.sentences import english
from tests.engine.harness import Harness, RunningNode
from tests.engine.quick_worker import Script


async def setting(node: RunningNode, key: str) -> Setting:
    view = await node.node.records.settings()
    return next(setting for setting in view.settings if setting.key == key)


async def idle_because(node: RunningNode, reason: str) -> None:
    while reason not in english((await node.event("idle")).body):
        pass


@pytest.mark.slow
async def test_a_lower_fee_takes_the_job_that_was_refused_and_stands_in_the_file(network: Harness) -> None:
    text = network.settings_file.read_text("utf-8")
    network.settings_file.write_text(text.replace("[claims]", "[claims]\nmin_fee_emt = 25 # mine"), "utf-8")
    job_id = await network.post(fee_emt=20)
    async with network.node() as node:
        await idle_because(node, "its fee of 20.00 EMT is under 25.00 EMT")

        changes = await node.node.change_setting("claims.min_fee_emt", " 4.5 ")
        changed = await node.event("setting_changed")
        await node.event("claimed", job_id)

        assert list(changes) == [SettingChange("claims.min_fee_emt", "25", "4.5", in_effect=True)]
        assert changed.body == SettingChanged("claims.min_fee_emt", "25", "4.5", OPERATOR)
        assert (await setting(node, "claims.min_fee_emt")).origin is Origin.FILE
        await node.stop()
    assert "[claims]\nmin_fee_emt = 4.5 # mine\n" in network.settings_file.read_text("utf-8")


@pytest.mark.slow
async def test_the_cache_limit_and_the_batch_size_hold_from_the_next_job_on(network: Harness) -> None:
    script = Script()
    async with network.node(script=script) as node:
        await node.node.change_setting("cache.limit_gb", "0.00001")
        assert node.node.snapshot().disk.limit_bytes == 10_000
        job_id = await network.post()
        await idle_because(node, "the cache has room")

        await node.node.change_setting("training.batch_size", "3")
        await node.node.change_setting("cache.limit_gb", "")
        await node.event("submitted", job_id)
        assert script.requests[-1].batch_size == 3
        assert (await setting(node, "cache.limit_gb")).value == "60"
        await node.stop()


@pytest.mark.slow
async def test_what_applies_without_a_value_is_said(network: Harness) -> None:
    async with network.node() as node:
        margin = await setting(node, "claims.safety_margin_s")
        model = await setting(node, "training.model_ja")
        fee = await setting(node, "claims.min_fee_emt")
        state = await setting(node, "state.directory")
        cache = await setting(node, "cache.directory")
        await node.stop()

    assert (margin.value, margin.in_place) == ("", str(node.node._context.network.safety_margin_s))
    assert (model.value, model.in_place) == ("", node.node._context.network.models[Language.JA])
    assert fee.in_place == ""
    settings = node.node._context.settings
    assert Path(state.in_place) / settings.network == settings.state_dir
    assert Path(cache.in_place) / settings.network / "jobs" == settings.jobs_dir


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("claims.min_fee_emt", "-3", "claims.min_fee_emt = '-3': an amount of EMT"),
        ("claims.enabled", "perhaps", "claims.enabled = 'perhaps': true or false is needed"),
        ("network", "round3-2", "network: needs a restart; set it in .*node.toml"),
        ("claims.min_fee", "1", "there is no setting claims.min_fee; the nearest is claims.min_fee_emt"),
        ("claims.max_fee_emt", "40", "claims.max_fee_emt: the command line of this run sets it"),
    ],
)
async def test_what_is_refused_changes_nothing(network: Harness, key: str, text: str, message: str) -> None:
    before = network.settings_file.read_text("utf-8")
    async with network.node(claims__max_fee_emt=20) as node:
        view = await node.node.records.settings()
        with pytest.raises(SettingsError, match=message):
            await node.node.change_setting(key, text)
        assert await node.node.records.settings() == view
        await node.stop()
    assert network.settings_file.read_text("utf-8") == before


@pytest.mark.slow
async def test_reloading_takes_what_can_change_and_names_what_waits_for_a_restart(network: Harness) -> None:
    path = network.settings_file
    async with network.node() as node:
        text = path.read_text("utf-8")
        path.write_text(text.replace("[claims]", "[claims2]"))
        with pytest.raises(SettingsError, match="claims2: there is no such key"):
            await node.node.reload_settings()
        view = await node.node.records.settings()
        assert "claims2" in str(view.error)
        assert (await setting(node, "claims.enabled")).value == "true"

        path.write_text(text.replace("[claims]", "[workers]\ndevices = ['cpu']\n[claims]\nenabled = false"))
        changes = await node.node.reload_settings()
        await idle_because(node, "claiming is switched off")
        assert {(change.key, change.in_effect) for change in changes} == {
            ("claims.enabled", True),
            ("workers.devices", False),
        }
        waiting = await setting(node, "workers.devices")
        assert (waiting.value, waiting.pending, waiting.at_run_time) == ("", "cpu", False)
        assert list(await node.node.reload_settings()) == []
        await node.stop()


@pytest.mark.slow
async def test_no_secret_is_listed(network: Harness) -> None:
    key = next(
        line.split('"')[1]
        for line in network.settings_file.read_text("utf-8").splitlines()
        if line.startswith("verification_key")
    )
    async with network.node() as node:
        shown = await setting(node, "networks.devnet.verification_key")
        view = await node.node.records.settings()
        assert shown.value == "***"
        assert key not in repr(view)
        await node.stop()


def test_the_networks_urls_are_listed_without_their_providers_keys(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(
        'network = "round3-2"\n[networks.round3-2]\nrpc_urls = ["https://a.example/v3/hidden", "http://127.0.0.1:1"]\n'
        'storage_url = "https://b.example/hidden"\n',
        "utf-8",
    )
    layers = settings_layers(path, environment={})
    settings = layers.load()

    view = settings_view(layers, settings, load_network(settings, environment={}))

    values = {one.key.removeprefix("networks.round3-2."): one.value for one in view.settings}
    assert values["rpc_urls"] == "https://a.example/…, http://127.0.0.1:1"
    assert values["storage_url"] == "https://b.example/…"
    assert "hidden" not in repr(view)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""), (True, "true"), (60.0, "60"), (0.00025, "0.00025"), (1e-07, "0.0000001"),
        (["cpu", "cuda:0"], "cpu, cuda:0"), (Path("/x"), "/x"), (1_000, "1000"),
    ],
)  # fmt: skip
def test_values_are_written_as_a_variable_would_hold_them(value: object, text: str) -> None:
    assert as_text(value) == text
