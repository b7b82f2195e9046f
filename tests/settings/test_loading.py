"""Settings: file, environment, options; and one clear line for each thing that can be wrong."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from emeth_tui.errors import SettingsError
from emeth_tui.model import Language
from emeth_tui.settings import (
    Settings,
    builtin_networks,
    example_toml,
    find_password,
    load_network,
    load_settings,
    loading,
    native_symbol,
)

DEVNET_ADDRESSES = """
[networks.devnet]
rpc_urls = "http://127.0.0.1:1"
core_address = "0x00000000000000000000000000000000000000c0"
token_address = "0x00000000000000000000000000000000000000e0"
storage_url = "http://127.0.0.1:2/"
info_url = "http://127.0.0.1:3"
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(text, "utf-8")
    return path


def load(tmp_path: Path, text: str, **overrides: Any) -> Settings:
    return load_settings(write(tmp_path, text), environment={}, overrides=overrides)


def test_the_example_is_valid_and_changes_nothing(tmp_path: Path) -> None:
    from_example = load(tmp_path, example_toml())

    assert from_example.model_dump() == load(tmp_path, "").model_dump()


def test_the_example_has_each_table_once() -> None:
    tables = re.findall(r"^(?:# )?(\[\w+(?:\.\w+)?\])$", example_toml(), re.MULTILINE)
    assert len(tables) > 9
    assert len(set(tables)) == len(tables)


def test_the_example_uncommented_is_valid_too(tmp_path: Path) -> None:
    lines = example_toml().split("# A network of your own")[0].splitlines()
    uncommented = "\n".join(line.removeprefix("# ") if " = " in line else line for line in lines)

    loaded = load(tmp_path, uncommented)

    assert loaded.claims.safety_margin_s == 3600
    assert loaded.training.batch_size == "auto"


def test_options_beat_the_environment_which_beats_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "[claims]\nmin_fee_emt = 1\nmax_fee_emt = 2\nmin_dataset_bytes = 3\n")
    environment = {
        "EMETH_TUI_CLAIMS__MAX_FEE_EMT": "20",
        "EMETH_TUI_CLAIMS__MIN_DATASET_BYTES": "30",
        "HOME": "x",
    }

    loaded = load_settings(path, environment=environment, overrides={"claims.min_dataset_bytes": 300})

    claims = loaded.claims
    assert (claims.min_fee_emt, claims.max_fee_emt, claims.min_dataset_bytes) == (1, 20, 300)


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("network = 'devnet'", "ALT"),
        ("network = 'own'\n[networks.own]\nnative_symbol = 'XYZ'", "XYZ"),
        ("network = 'own'\n[networks.own]", "ETH"),
    ],
)
def test_the_native_symbol_is_known_before_the_addresses_are(tmp_path: Path, text: str, symbol: str) -> None:
    assert native_symbol(load(tmp_path, text)) == symbol


def test_devices_can_be_listed_in_one_variable(tmp_path: Path) -> None:
    loaded = load_settings(write(tmp_path, ""), environment={"EMETH_TUI_WORKERS__DEVICES": "cpu, cuda:1"})

    assert loaded.workers.devices == ["cpu", "cuda:1"]


def test_several_workers_may_share_the_cpu(tmp_path: Path) -> None:
    devices = ["cuda:0", "cpu", "cpu"]

    assert (
        load_settings(write(tmp_path, ""), overrides={"workers.devices": devices}).workers.devices == devices
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[claims]\nmin_fee_emt = -3",
            r"claims.min_fee_emt = -3: an amount of EMT is a number from 0 to 1,000,000,000",
        ),
        ("[claims]\nmin_fee = 3", r"claims.min_fee: there is no such key"),
        ("[wokers]\n", r"wokers: there is no such key"),
        ("[workers]\ndevices = ['gpu']", r"workers.devices.0 = 'gpu': a device is `cpu` or `cuda:N`"),
        (
            "[workers]\ndevices = ['cuda:1', 'cpu', 'cuda:1']",
            r"workers.devices = \['cuda:1', 'cpu', 'cuda:1'\]: cuda:1 is named 2 times: name each GPU once",
        ),
        ("[training]\nbatch_size = 'big'", r"training.batch_size = 'big': .*`auto` or a whole number"),
        (
            "[training]\nbatch_size = 0",
            r"training.batch_size = 0: .*number from 1 to 1,024",
        ),
        ("[log]\nformat = 'xml'", r"log.format = 'xml': one of \"text\", \"json\" is needed"),
        ("network = 5", r"network = 5: a text in quotation marks is needed"),
        ("claims = 5", r"claims = 5: a table is needed"),
        ("[claims\n", r"is not TOML at line 1, column 8"),
        ("source = 'x'", r"source: there is no such key"),
    ],
)
def test_each_error_names_key_value_and_remedy(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        load(tmp_path, text)

    assert str(tmp_path / "config.toml") in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "batch_size"), [("", "auto"), ("batch_size = 'auto'", "auto"), ("batch_size = 24", 24)]
)
def test_a_batch_size_is_automatic_or_a_number(tmp_path: Path, text: str, batch_size: int | str) -> None:
    path = write(tmp_path, f"[training]\n{text}\n")

    assert load_settings(path, environment={}).training.batch_size == batch_size
    environment = {"EMETH_TUI_TRAINING__BATCH_SIZE": "7"}
    assert load_settings(path, environment=environment).training.batch_size == 7


def test_a_file_that_is_not_text_or_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(SettingsError, match="is not UTF-8"):
        load_settings(tmp_path / "binary.toml", environment={})
    with pytest.raises(SettingsError, match="config example"):
        load_settings(tmp_path / "absent.toml", environment={})


def test_without_a_file_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "default_config_path", lambda: tmp_path / "absent.toml")

    assert load_settings(environment={}).network == "devnet"


def test_round3_2_holds_the_published_facts(tmp_path: Path) -> None:
    network = load_network(load(tmp_path, "network = 'round3-2'"), environment={})

    # protocol.md §2
    assert network.chain_id == 60001
    assert network.core_address == "0x9960CE7d1eff7a33F5D57529552549D05b25570a"
    assert network.token_address == "0x3b384C60Fc840E70811dA26449fc47BCb0F07BcC"
    assert network.rpc_urls == ["https://testnet.alt.ai"]
    assert network.storage_url == "https://emeth-storage.testnet.alt.ai"
    assert network.info_url == "http://ec2-13-208-214-161.ap-northeast-3.compute.amazonaws.com:3000"
    assert network.models == {Language.EN: "gpt2-medium", Language.JA: "rinna/japanese-gpt2-medium"}
    assert (network.native_symbol, network.safety_margin_s) == ("ALT", 3600)
    assert builtin_networks() == ["devnet", "round3-2"]


def test_a_built_in_network_can_be_changed_in_part(tmp_path: Path) -> None:
    text = (
        "network = 'round3-2'\n[networks.round3-2]\nmodels.ja = '/models/ja'\n"
        "rpc_urls = ['http://127.0.0.1:8545/', 'https://rpc.example']"
    )

    network = load_network(load(tmp_path, text), environment={})

    assert network.models == {Language.EN: "gpt2-medium", Language.JA: "/models/ja"}
    assert network.rpc_urls == ["http://127.0.0.1:8545", "https://rpc.example"]
    assert network.info_url.endswith(":3000")


def test_the_operators_model_beats_the_networks(tmp_path: Path) -> None:
    loaded = load(tmp_path, "[training]\nmodel_en = '/models/en'" + DEVNET_ADDRESSES)
    network = load_network(loaded, environment={})

    assert loaded.model_for(Language.EN, network) == "/models/en"
    assert loaded.model_for(Language.JA, network) == "devnet-small"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("network = 'nowhere'", "network = 'nowhere': there is no such profile; known are devnet, round3-2"),
        ("", "networks.devnet.rpc_urls: is missing; start the node with --devnet"),
        ("network = 'own'\n[networks.own]\nrpc_urls = 'http://x'", "networks.own.chain_id: is missing"),
        (
            "network = 'round3-2'\n[networks.round3-2]\ncore_address = '0x12'",
            "networks.round3-2.core_address = '0x12': an address is `0x` and 40 hex digits",
        ),
        (
            "network = 'round3-2'\n[networks.round3-2]\nrpc_urls = 'testnet'",
            "rpc_urls.0: a URL is http:// or https://",
        ),
        (
            "network = 'round3-2'\n[networks.round3-2]\nstorage_hosts = 'http://nas.lan:9000'",
            "storage_hosts.0 = 'http://nas.lan:9000': a host is a name or an address alone",
        ),
    ],
)
def test_a_network_that_cannot_be_used_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_network(load(tmp_path, text), environment={})

    assert message in str(caught.value)


def test_the_verification_key_never_shows(tmp_path: Path) -> None:
    text = DEVNET_ADDRESSES + "verification_key = 'not to be shown'\nsafety_margin_s = -1"
    loaded = load(tmp_path, text)

    with pytest.raises(SettingsError) as caught:
        load_network(loaded, environment={})
    assert "not to be shown" not in str(caught.value)

    good = load_network(load(tmp_path, text.replace("-1", "5")), environment={})
    assert good.verification_key.get_secret_value() == "not to be shown"
    assert "not to be shown" not in repr(good)


def test_a_verification_key_of_the_wrong_type_does_not_show_either(tmp_path: Path) -> None:
    loaded = load(tmp_path, DEVNET_ADDRESSES + "verification_key = 424242")

    with pytest.raises(SettingsError, match="verification_key: ") as caught:
        load_network(loaded, environment={})
    assert "424242" not in str(caught.value)


def test_the_verification_key_can_come_from_the_environment(tmp_path: Path) -> None:
    network = load_network(
        load(tmp_path, DEVNET_ADDRESSES), environment={"EMETH_TUI_VERIFICATION_KEY": "from outside"}
    )

    assert network.verification_key.get_secret_value() == "from outside"


def test_a_verification_key_that_is_no_text_is_refused_and_not_shown(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="EMETH_TUI_VERIFICATION_KEY: it is not UTF-8 text") as caught:
        load_network(
            load(tmp_path, DEVNET_ADDRESSES), environment={"EMETH_TUI_VERIFICATION_KEY": "4711\udcff"}
        )
    assert "4711" not in str(caught.value)


def test_the_password_of_the_environment_comes_before_the_files(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("of the file", "utf-8")
    wallet = load(tmp_path, f"[wallet]\npassword_file = '{tmp_path / 'password'}'").wallet

    assert find_password({"EMETH_TUI_PASSWORD": "open sesame"}, wallet) == "open sesame"
    assert find_password({}, wallet) == "of the file"
    assert find_password({}, load(tmp_path, "").wallet) is None


def test_the_password_file_gives_its_first_line(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("open sesame\nsecond line\n", "utf-8")
    wallet = load(tmp_path, f"[wallet]\npassword_file = '{tmp_path / 'password'}'").wallet

    assert find_password({}, wallet) == "open sesame"
    (tmp_path / "password").unlink()
    with pytest.raises(SettingsError, match="password_file"):
        find_password({}, wallet)


def test_state_and_cache_of_networks_do_not_mix(tmp_path: Path) -> None:
    text = f"[state]\ndirectory = '{tmp_path}'\n[cache]\ndirectory = '{tmp_path}'\nlimit_gb = 1.5"

    loaded = load(tmp_path, text)
    other = load(tmp_path, text, network="round3-2")

    assert loaded.state_dir == tmp_path / "devnet"
    assert other.state_dir == tmp_path / "round3-2"
    assert loaded.jobs_dir == tmp_path / "devnet" / "jobs"
    assert loaded.cache_limit_bytes == 1_500_000_000
