"""The questions and what their answers make: files that load, keystores that open, secrets that stay."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from emeth_tui.clients.wallet import create_keystore, load_wallet
from emeth_tui.errors import ChainUnreachable, EmethError, SettingsError, WalletError
from emeth_tui.notices.reasons.foreign import Foreign
from emeth_tui.settings import load_network, load_settings
from emeth_tui.tui.setup.questions import Kind, Result
from emeth_tui.tui.setup.wizard import Wizard
from tests.tui.setup.stand_in import ADDRESS, PRIVATE_KEY, StandInMachine

PASSWORD = "for this test"
NODE_TOML = """network = "mine"
[wallet]
keystore = "{keystore}"
password_file = "/secret/password"
[networks.mine]
chain_id = 5
rpc_urls = "http://127.0.0.1:1"
core_address = "0x00000000000000000000000000000000000000c0"
token_address = "0x00000000000000000000000000000000000000e0"
storage_url = "http://127.0.0.1:2"
info_url = "http://127.0.0.1:3"
models = {{ en = "devnet-small", ja = "devnet-small" }}
verification_key = "not to be copied"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config" / "config.toml"


@pytest.fixture
def machine() -> StandInMachine:
    return StandInMachine()


async def answer(wizard: Wizard, *answers: str) -> None:
    for value in answers:
        await wizard.answer(value)


def default(wizard: Wizard) -> str:
    return wizard.question.default


@pytest.mark.slow
async def test_an_imported_key_and_the_defaults_make_a_file_that_loads(
    config: Path, machine: StandInMachine
) -> None:
    wizard = Wizard(config, machine=machine)
    await answer(wizard, "round3-2", "", "key", PRIVATE_KEY, PASSWORD, PASSWORD)
    assert default(wizard) == "cuda:0,cuda:1"
    await answer(wizard, default(wizard))
    assert default(wizard) == "60"
    await answer(wizard, default(wizard))
    assert wizard.question.facts[:2] == ("The account holds EMT 1,240.00, ALT 3.00:", ADDRESS)
    await answer(wizard, "write", "")

    settings = load_settings(config, environment={})
    assert settings.network == "round3-2"
    assert settings.workers.devices == []
    assert load_wallet(settings.keystore_path, PASSWORD).address == ADDRESS
    assert [path.stat().st_mode & 0o777 for path in (config, settings.keystore_path)] == [0o600, 0o600]
    written = config.read_text("utf-8")  # noqa: ASYNC240 - a small file
    assert "# lowest fee to accept, in EMT" in written
    assert PASSWORD not in written
    assert PRIVATE_KEY[2:] not in written
    assert wizard.outcome is not None
    assert wizard.outcome.result is Result.WRITTEN
    assert wizard.outcome.password == PASSWORD
    assert PASSWORD not in repr(wizard.outcome)
    assert machine.asked == [("https://testnet.alt.ai", ADDRESS)]


async def test_devices_and_cache_limit_are_written(config: Path, machine: StandInMachine) -> None:
    wizard = Wizard(config, machine=machine)
    await answer(wizard, "round3-2", "", "new", PASSWORD, PASSWORD, "cpu", "5", "write", "")

    assert wizard.outcome is not None
    assert wizard.outcome.result is Result.WRITTEN
    settings = load_settings(config, environment={})
    assert (settings.workers.devices, settings.cache.limit_gb) == (["cpu"], 5)


async def test_a_device_chosen_twice_is_chosen_once(config: Path, machine: StandInMachine) -> None:
    wizard = Wizard(config, machine=machine)
    await answer(wizard, "round3-2", "", "new", PASSWORD, PASSWORD, "cuda:1,cuda:1", "5", "write", "")

    assert load_settings(config, environment={}).workers.devices == ["cuda:1"]


@pytest.mark.slow
async def test_a_network_is_copied_without_its_secrets(
    config: Path, machine: StandInMachine, tmp_path: Path
) -> None:
    keystore = tmp_path / "other" / "keystore.json"
    create_keystore(keystore, PASSWORD, bytes.fromhex(PRIVATE_KEY[2:]), iterations=2)
    node_toml = tmp_path / "node.toml"
    node_toml.write_text(NODE_TOML.format(keystore=keystore), "utf-8")

    wizard = Wizard(config, machine=machine)
    await answer(wizard, "file", str(node_toml))
    assert "The one in that settings file is not copied." in wizard.question.facts
    await answer(wizard, "")
    assert default(wizard) == str(keystore)
    await answer(wizard, default(wizard), "cuda:1", "60", "write")
    assert "set EMETH_TUI_VERIFICATION_KEY before the start" in wizard.question.facts[-1]
    await answer(wizard, "")

    text = config.read_text("utf-8")  # noqa: ASYNC240
    assert "not to be copied" not in text
    assert "/secret/password" not in text
    settings = load_settings(config, environment={})
    network = load_network(settings, environment={})
    assert (network.name, network.chain_id, network.rpc_urls) == ("mine", 5, ["http://127.0.0.1:1"])
    assert settings.keystore_path == keystore


async def test_trying_it_out_writes_nothing(config: Path, machine: StandInMachine) -> None:
    wizard = Wizard(config, machine=machine)
    await answer(wizard, "devnet")

    assert wizard.outcome is not None
    assert wizard.outcome.result is Result.DEVNET
    assert not config.parent.exists()


@pytest.mark.parametrize(
    ("before", "wrong", "error", "message"),
    [
        ((), "mainnet", EmethError, "choose from round3-2, file, devnet"),
        (("file",), "", SettingsError, "a file is needed"),
        (("file",), "/no/such.toml", SettingsError, "/no/such.toml: no such file"),
        (("file",), "$HOME/node.toml", SettingsError, "HOME is not expanded"),
        (
            ("round3-2", "", "keystore"),
            "~nobody-of-this-name/x",
            SettingsError,
            "no home directory of that name",
        ),
        (("round3-2", ""), "none", EmethError, "choose from new, keystore, key"),
        (("round3-2", "", "keystore"), "/no/such.json", WalletError, "no such keystore"),
        (("round3-2", "", "key"), "0xzz", SettingsError, "the private key is not hex"),
        (("round3-2", "", "key"), "0x1234", WalletError, "this is not a private key"),
        (("round3-2", "", "new"), "", WalletError, "a password is needed"),
        (("round3-2", "", "new", PASSWORD, PASSWORD), "", SettingsError, "choose at least one device"),
        (
            ("round3-2", "", "new", PASSWORD, PASSWORD),
            "cuda:7",
            EmethError,
            "choose from cuda:0, cuda:1, cpu",
        ),
        (
            ("round3-2", "", "new", PASSWORD, PASSWORD, "cpu"),
            "lots",
            SettingsError,
            "'lots': must be a number",
        ),
        (("round3-2", "", "new", PASSWORD, PASSWORD, "cpu"), "-1", SettingsError, "greater than 0"),
        (("round3-2", "", "new", PASSWORD, PASSWORD, "cpu"), "900", SettingsError, "has 212 GB free"),
    ],
)
async def test_a_wrong_answer_is_explained_and_asked_again(
    config: Path,
    machine: StandInMachine,
    before: tuple[str, ...],
    wrong: str,
    error: type[EmethError],
    message: str,
) -> None:
    wizard = Wizard(config, machine=machine)
    await answer(wizard, *before)
    question = wizard.question
    with pytest.raises(error, match=message) as caught:
        await answer(wizard, wrong)
    assert wizard.question == question
    if question.kind is Kind.SECRET and wrong:
        assert wrong.removeprefix("0x") not in str(caught.value)


async def test_two_passwords_that_differ_make_nothing(config: Path, machine: StandInMachine) -> None:
    wizard = Wizard(config, machine=machine)
    await answer(wizard, "round3-2", "", "new", "one")
    with pytest.raises(WalletError, match="the two passwords differ"):
        await answer(wizard, "two")
    assert wizard.question.prompt == "New password"
    assert not config.parent.exists()


async def test_a_keystore_that_is_there_is_offered_first_and_never_overwritten(
    config: Path, machine: StandInMachine
) -> None:
    keystore = config.parent / "keystore.json"
    create_keystore(keystore, "another", bytes.fromhex(PRIVATE_KEY[2:]), iterations=2)
    kept = keystore.read_bytes()

    wizard = Wizard(config, machine=machine)
    await answer(wizard, "round3-2", "")
    assert default(wizard) == str(keystore)
    await answer(wizard, "new", PASSWORD, PASSWORD, "cpu", "1", "write")
    assert keystore.read_bytes() == kept
    assert load_settings(config, environment={}).keystore_path == config.parent / "keystore-2.json"


async def test_an_endpoint_that_does_not_answer_is_no_reason_to_stop(
    config: Path, machine: StandInMachine
) -> None:
    machine.refusal = ChainUnreachable(Foreign("https://testnet.alt.ai: no answer"))
    wizard = Wizard(config, machine=machine)
    await answer(wizard, "round3-2", "", "new", PASSWORD, PASSWORD, "cpu", "1")
    assert (
        "the balances are unknown: https://testnet.alt.ai: no answer; you can go on" in wizard.question.facts
    )
    await answer(wizard, "write")
    assert load_settings(config, environment={}).network == "round3-2"


async def test_an_empty_account_is_told_what_it_needs(config: Path, machine: StandInMachine) -> None:
    machine.holds = type(machine.holds)(0, 0)
    wizard = Wizard(config, machine=machine)
    await answer(wizard, "round3-2", "", "new", PASSWORD, PASSWORD, "cpu", "1")
    assert any("needs EMT for deposits and ALT" in fact for fact in wizard.question.facts)


async def test_the_way_back_leads_to_the_question_before(config: Path, machine: StandInMachine) -> None:
    wizard = Wizard(config, machine=machine)
    assert not wizard.back()
    await answer(wizard, "round3-2", "", "new", PASSWORD, PASSWORD, "cpu")
    assert wizard.question.title == "Disk"
    assert wizard.back()
    assert wizard.question.title == "Devices"
    assert wizard.back()
    assert wizard.question.title == "Wallet"
    assert default(wizard) == str(config.parent / "keystore.json")
    assert wizard.back()
    assert wizard.question.prompt.startswith("Verification key")
    assert wizard.back()
    assert wizard.question.title == "Network"


async def test_a_file_that_is_there_keeps_its_comments(config: Path, machine: StandInMachine) -> None:
    before = "# mine\n[claims]\nmin_fee_emt = 12  # not for less\n"
    wizard = Wizard(config, before, machine)
    await answer(wizard, "round3-2", "", "new", PASSWORD, PASSWORD, "cuda:0,cuda:1", "7", "write")

    text = config.read_text("utf-8")  # noqa: ASYNC240
    assert "# mine" in text
    assert "min_fee_emt = 12  # not for less" in text
    assert load_settings(config, environment={}).cache.limit_gb == 7


async def test_a_small_disk_gets_a_smaller_limit(config: Path, machine: StandInMachine) -> None:
    machine.free = 10_000_000_000
    wizard = Wizard(config, machine=machine)
    await answer(wizard, "round3-2", "", "new", PASSWORD, PASSWORD, "cpu")
    assert default(wizard) == "8"


async def test_a_keystore_without_an_address_is_taken_too(
    config: Path, machine: StandInMachine, tmp_path: Path
) -> None:
    keystore = tmp_path / "keystore.json"
    create_keystore(keystore, PASSWORD, iterations=2)
    content = json.loads(keystore.read_text("utf-8"))
    del content["address"]
    keystore.write_text(json.dumps(content), "utf-8")
    wizard = Wizard(config, machine=machine)
    await answer(wizard, "round3-2", "", "keystore", str(keystore), "cpu", "1")
    assert "does not name its address" in wizard.question.facts[0]
    assert machine.asked == []


KEY = "the network's secret"


@pytest.mark.slow
async def test_a_verification_key_goes_into_a_file_of_its_own(config: Path, machine: StandInMachine) -> None:
    wizard = Wizard(config, machine=machine)
    await answer(wizard, "round3-2", f" {KEY} ", "new", PASSWORD, PASSWORD, "cpu", "1", "write")
    assert not any("EMETH_TUI_VERIFICATION_KEY" in fact for fact in wizard.question.facts)
    await answer(wizard, "")

    path = config.parent / "verification-key-round3-2"
    assert path.stat().st_mode & 0o777 == 0o600
    assert KEY not in config.read_text("utf-8")  # noqa: ASYNC240
    network = load_network(load_settings(config, environment={}), environment={})
    assert network.verification_key.get_secret_value() == KEY
    assert wizard.outcome is not None
    assert wizard.outcome.has_key
    assert KEY not in repr(wizard.outcome)


@pytest.mark.slow
async def test_a_verification_key_may_be_in_a_file_already(
    config: Path, machine: StandInMachine, tmp_path: Path
) -> None:
    credential = tmp_path / "credential"
    wizard = Wizard(config, machine=machine)
    await answer(wizard, "round3-2")
    with pytest.raises(SettingsError, match="cannot be read"):
        await answer(wizard, str(credential))
    credential.write_text(f"{KEY}\n", "utf-8")
    await answer(wizard, str(credential), "new", PASSWORD, PASSWORD, "cpu", "1", "write")
    network = load_network(load_settings(config, environment={}), environment={})
    assert network.verification_key.get_secret_value() == KEY
    from_environment = load_network(
        load_settings(config, environment={}), environment={"EMETH_TUI_VERIFICATION_KEY": "other"}
    )
    assert from_environment.verification_key.get_secret_value() == "other"


async def test_a_short_password_is_warned_of_and_a_new_account_is_named_at_once(
    config: Path, machine: StandInMachine
) -> None:
    wizard = Wizard(config, machine=machine)
    await answer(wizard, "round3-2", "", "new", "short")
    assert "It is short" in wizard.question.facts[0]
    await answer(wizard, "short")
    address = load_wallet(config.parent / "keystore.json", "short").address
    assert f"The account is {address}." in wizard.question.facts
    assert wizard.back()
    await answer(wizard, "new", "x" * 12)
    assert wizard.question.facts == ()


async def test_of_a_network_of_that_name_nothing_else_is_left(
    config: Path, machine: StandInMachine, tmp_path: Path
) -> None:
    node_toml = tmp_path / "node.toml"
    node_toml.write_text(NODE_TOML.format(keystore="/none"), "utf-8")
    before = f"""# mine
[networks.mine]  # as it was
chain_id = 4
first_block = 77
storage_hosts = ["10.0.0.1"]
models.en = "gpt2"
verification_key = "{KEY}"
"""
    wizard = Wizard(config, before, machine)
    await answer(wizard, "file", str(node_toml), "", "new", PASSWORD, PASSWORD, "cpu", "1", "write")
    assert "set EMETH_TUI_VERIFICATION_KEY before the start" in wizard.question.facts[-1]

    network = load_network(load_settings(config, environment={}), environment={})
    assert (network.chain_id, network.first_block, network.storage_hosts) == (5, 0, [])
    assert set(network.models.values()) == {"devnet-small"}
    assert network.verification_key.get_secret_value() == ""
    text = config.read_text("utf-8")  # noqa: ASYNC240
    assert "# mine" in text
    assert "# as it was" in text


@pytest.mark.parametrize("old", ["verification_key = 'not this'", "verification_key_file = '/no/such'"])
async def test_overrides_of_a_network_that_ships_stay_but_not_its_old_key(
    old: str, config: Path, machine: StandInMachine
) -> None:
    before = f"[networks.round3-2]\nrpc_urls = 'http://own:8545'\n{old}\n"
    wizard = Wizard(config, before, machine)
    await answer(wizard, "round3-2", KEY, "new", PASSWORD, PASSWORD, "cpu", "1", "write")

    network = load_network(load_settings(config, environment={}), environment={})
    assert network.rpc_urls == ["http://own:8545"]
    assert network.verification_key.get_secret_value() == KEY


async def test_without_a_new_key_the_one_in_the_settings_stays(config: Path, machine: StandInMachine) -> None:
    before = f'[networks.round3-2]\nverification_key = "{KEY}"\n'
    wizard = Wizard(config, before, machine)
    await answer(wizard, "round3-2", "", "new", PASSWORD, PASSWORD, "cpu", "1", "write")

    assert not any("EMETH_TUI_VERIFICATION_KEY" in fact for fact in wizard.question.facts)
    network = load_network(load_settings(config, environment={}), environment={})
    assert network.verification_key.get_secret_value() == KEY


async def test_a_key_in_use_is_not_overwritten_before_the_settings_are(
    config: Path, machine: StandInMachine
) -> None:
    key_file = config.parent / "verification-key-round3-2"
    config.parent.mkdir()
    key_file.write_text("in use\n", "utf-8")
    wizard = Wizard(config, machine=machine)
    await answer(wizard, "round3-2", KEY, "new", PASSWORD, PASSWORD, "cpu", "1")
    assert key_file.read_text("utf-8") == "in use\n"
    await answer(wizard, "write")
    assert key_file.read_text("utf-8") == f"{KEY}\n"


async def test_enter_alone_keeps_what_the_settings_say(
    config: Path, machine: StandInMachine, tmp_path: Path
) -> None:
    machine.free = 10_000_000_000  # the rest is what the cache holds
    keystore = tmp_path / "safe" / "account.json"
    create_keystore(keystore, PASSWORD, iterations=2)
    before = f"""cache = {{ limit_gb = 12.5, directory = "{tmp_path}/large" }}
wallet.keystore = "{keystore}"
workers.devices = ["cuda:1"]
"""
    wizard = Wizard(config, before, machine)
    await answer(wizard, "round3-2", "")
    for _question in ("wallet", "devices", "cache"):
        await answer(wizard, default(wizard))
    await answer(wizard, "write")

    settings = load_settings(config, environment={})
    assert (settings.keystore_path, settings.workers.devices) == (keystore, ["cuda:1"])
    assert settings.cache.limit_gb == 12.5
    assert machine.measured == {tmp_path / "large" / "round3-2" / "jobs"}


async def test_paths_hold_from_any_directory(
    tmp_path: Path, machine: StandInMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "keystore.json").write_text("another", "utf-8")
    wizard = Wizard(Path("config.toml"), machine=machine)
    await answer(wizard, "round3-2", KEY, "new", PASSWORD, PASSWORD, "cpu", "1", "write")

    monkeypatch.chdir("/")
    settings = load_settings(tmp_path / "config.toml", environment={})
    assert settings.keystore_path == tmp_path / "keystore-2.json"
    network = load_network(settings, environment={})
    assert network.verification_key.get_secret_value() == KEY


def test_settings_that_are_wrong_are_reported_before_anything_is_asked(config: Path) -> None:
    with pytest.raises(SettingsError, match=r"claims\.min_fee: there is no such key"):
        Wizard(config, "claims.min_fee = 5\n")


async def test_a_name_that_would_be_two_is_refused(
    config: Path, machine: StandInMachine, tmp_path: Path
) -> None:
    node_toml = tmp_path / "node.toml"
    text = NODE_TOML.format(keystore="/none").replace('"mine"', '"our.net"')
    node_toml.write_text(text.replace("[networks.mine]", "[networks.'our.net']"), "utf-8")
    wizard = Wizard(config, machine=machine)
    with pytest.raises(SettingsError, match=r"node\.toml: the name 'our.net' has a dot"):
        await answer(wizard, "file", str(node_toml))


async def test_a_networks_profile_is_read_as_well(
    config: Path, machine: StandInMachine, tmp_path: Path
) -> None:
    table = NODE_TOML.partition("[networks.mine]\n")[2].replace("{{", "{").replace("}}", "}")
    profile = tmp_path / "network.toml"
    profile.write_text(
        'name = "mine"\n' + table.replace('verification_key = "not to be copied"\n', ""), "utf-8"
    )
    before = "[networks.mine]\nfirst_block = 77\n"
    wizard = Wizard(config, before, machine)
    await answer(wizard, "file", str(profile), KEY, "new", PASSWORD, PASSWORD, "cpu", "1", "write")

    network = load_network(load_settings(config, environment={}), environment={})
    assert (network.name, network.chain_id, network.first_block) == ("mine", 5, 0)


async def test_a_key_that_is_no_text_is_refused_and_not_shown(config: Path, machine: StandInMachine) -> None:
    wizard = Wizard(config, machine=machine)
    await answer(wizard, "round3-2")
    with pytest.raises(SettingsError, match=r"verification_key: .*UTF-8") as caught:
        await answer(wizard, "hush \udce9")
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("before", ["# mine\n", ""])
async def test_what_was_edited_beside_the_questions_stays(
    before: str, config: Path, machine: StandInMachine
) -> None:
    wizard = Wizard(config, before, machine)
    await answer(wizard, "round3-2", "", "new", PASSWORD, PASSWORD, "cpu", "1")
    config.write_text(f"{before}[claims]\nenabled = false  # for now\n", "utf-8")  # noqa: ASYNC240
    await answer(wizard, "write")

    assert "enabled = false  # for now" in config.read_text("utf-8")  # noqa: ASYNC240
    settings = load_settings(config, environment={})
    assert (settings.network, settings.cache.limit_gb) == ("round3-2", 1)
