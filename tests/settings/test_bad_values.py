"""Values that no setting can have: each is refused with its key, its value and what would be valid."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic.fields import FieldInfo

from emeth_tui.errors import ExitCode, SettingsError
from emeth_tui.settings import Network, load_network, load_settings
from emeth_tui.settings.problems import _kind
from emeth_tui.settings.schema import fields_by_key
from emeth_tui.words.sentences import text_of
from emeth_tui.words.translation import set_language

OWN_NETWORK = {
    "chain_id": "1",
    "rpc_urls": "'https://rpc.example'",
    "core_address": "'0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed'",
    "token_address": "'0xfb6916095ca1df60bb79ce92ce3ea74c37c5d359'",
    "storage_url": "'https://storage.example/api'",
    "info_url": "'https://info.example'",
    "models": "{ en = 'gpt2', ja = 'rinna/japanese-gpt2-medium' }",
}
# In TOML. None of them is a value of any setting but for texts and paths.
WRONG_VALUES = (
    *("inf", "-inf", "nan", "1e400", "-1e30", "1e30", "1e-400", "'1e999999'", "'1e-30'", "true", "-1"),
    *("2020-01-01", "07:32:00", "[]", "[1]", "{}", "{ a = 1 }", "''", "'x y'", "'~nobody-of-this-name/x'"),
    *(r'"\u0000"', r'"$HOME/x"', "99999999999999999999999999"),
)
THEIR_WORDS = ("nput should", "alue error", "valid ", "pydantic", "Decimal(", "datetime", "unable to")


def load(path: Path, text: str, environment: dict[str, str] | None = None) -> Network:
    """Read everything that a start reads."""
    path.unlink(missing_ok=True)  # to overwrite it, some file systems wait for the disk
    path.write_text(text, "utf-8")
    return load_network(load_settings(path, environment=environment or {}), environment={})


def own_network(**changes: str) -> str:
    lines = [f"{key} = {value}" for key, value in {**OWN_NETWORK, **changes}.items()]
    return "\n".join(["network = 'own'", "[networks.own]", *lines])


def refusal(path: Path, text: str, environment: dict[str, str] | None = None) -> str:
    """Return the one line that refuses a file's text, without the file's name."""
    with pytest.raises(SettingsError) as caught:
        load(path, text, environment)
    assert caught.value.exit_code == ExitCode.SETTINGS
    line = str(caught.value)
    assert "\n" not in line
    assert not [words for words in THEIR_WORDS if words in line], line
    return line.removeprefix(f"{path}: ")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


@pytest.fixture
def japanese() -> Iterator[None]:
    set_language("ja")
    yield
    set_language("en")


def numbers() -> dict[str, FieldInfo]:
    own = {f"networks.own.{key}": field for key, field in Network.model_fields.items()}
    return {
        key: field
        for key, field in {**fields_by_key(), **own}.items()
        if _kind(field.annotation) in {int, float, Decimal} and key != "training.batch_size"
    }


def with_value(key: str, value: str) -> str:
    section, _, name = key.rpartition(".")
    if section == "networks.own":
        return own_network(**{name: value})
    return "\n".join(
        ["" if section else f"{name} = {value}", f"[{section}]\n{name} = {value}" * bool(section)]
    )


@pytest.mark.parametrize("key", numbers())
def test_every_number_has_both_bounds_and_its_refusal_names_them(path: Path, key: str) -> None:
    bounds = [
        getattr(part, bound)
        for bound in ("ge", "le")
        for part in numbers()[key].metadata
        if hasattr(part, bound)
    ]
    assert len(bounds) == 2, "give both ge and le"

    for value in ("inf", "-inf", "nan", "1e400", "'-1e999999'", "'1e999999'", "true", "'a'", "[]"):
        line = refusal(path, "network = 'round3-2'\n"[: 0 if "own" in key else None] + with_value(key, value))
        assert line.startswith(f"{key} = {value.replace('1e400', 'inf')}: "), line
        for bound in bounds:
            assert f"{Decimal(str(bound)):,f}".removesuffix(".0") in line


@pytest.mark.parametrize("key", [*fields_by_key(), *(f"networks.own.{key}" for key in OWN_NETWORK)])
def test_whatever_stands_there_is_read_or_refused_in_our_words(path: Path, key: str) -> None:
    for value in WRONG_VALUES:
        try:
            load(path, with_value(key, value))
        except SettingsError:
            line = refusal(path, with_value(key, value))
            assert key in line or line.startswith("networks.devnet.rpc_urls: is missing"), line


def test_an_amount_of_emt_has_18_decimals_at_most(path: Path) -> None:
    smallest = "network = 'round3-2'\n[claims]\nmin_fee_emt = '0.000000000000000001'"
    load(path, smallest)

    line = refusal(path, smallest.replace("0.0", "0.00"))

    assert line == (
        "claims.min_fee_emt = '0.0000000000000000001': an amount of EMT is a number from 0 to 1,000,000,000, "
        "with at most 18 decimals"
    )


@pytest.mark.parametrize("name", ["fee_emt", "dataset_bytes"])
def test_a_least_above_its_most_is_refused(path: Path, name: str) -> None:
    text = f"network = 'round3-2'\n[claims]\nmin_{name} = 5000\nmax_{name} = "
    load(path, text + "5000")

    line = refusal(path, text + "4999")
    variable = refusal(path, text + "5000", {f"EMETH_TUI_CLAIMS__MAX_{name.upper()}": "4"})

    assert line.startswith(f"claims.min_{name} = 5,000: is above claims.max_{name} = 4,999".replace(",", ""))
    assert f"claims.max_{name} = 4, " in variable


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        (
            "temperature above 75 until 83",
            "the limit after `until` must be lower than the one after `above`",
        ),
        ("battery below 40 until 40", "or higher than the one after `below`"),
        ("free-memory above 2000 until 4000", "a rule on free-memory is written with `below`"),
        ("cuda:0 power below 200 until 250", "a rule on power is written with `above`"),
        ("heat above 83 until 75", "a rule is such as `temperature above 83 until 75`"),
    ],
)
def test_what_is_wrong_with_a_rule_is_said(path: Path, rule: str, problem: str) -> None:
    line = refusal(path, f"network = 'round3-2'\n[rules]\nhold = ['{rule}']\n")

    assert line.startswith(f"rules.hold = ['{rule}']: `{rule}`: ")
    assert problem in line


@pytest.mark.parametrize(
    "key", ["wallet.keystore", "wallet.password_file", "cache.directory", "state.directory"]
)
def test_a_path_knows_a_tilde_and_no_variables(path: Path, key: str) -> None:
    section, name = key.split(".")
    for variable in ("$HOME", "${HOME}", "${XDG_STATE_HOME:-/x}"):
        line = refusal(path, with_value(key, f"'{variable}/x'"))
        assert line == f"{key} = '{variable}/x': {variable} is not expanded in a path; `~` is"
    assert "no home directory" in refusal(path, with_value(key, "'~nobody-of-this-name/x'"))
    path.write_text(with_value(key, "'~/100$'"), "utf-8")
    loaded = load_settings(path, environment={})
    assert getattr(getattr(loaded, section), name) == Path.home() / "100$"


@pytest.mark.parametrize(
    "text", ["[training]\nmodel_ja = '$MODELS/ja'", own_network(models="{ en = '${M}/en', ja = 'x' }")]
)
def test_a_model_may_be_a_directory_and_knows_no_variables_either(path: Path, text: str) -> None:
    assert "is not expanded" in refusal(path, text)


@pytest.mark.parametrize("key", ["rpc_urls", "storage_url", "info_url"])
@pytest.mark.parametrize(
    ("url", "message"),
    [
        (" https://x.example/", "a URL has no spaces"),
        ("https://x.example/a b", "a URL has no spaces"),
        ("https://x.example\t", "a URL has no spaces"),
        ("https://x.exa\u3000mple", "a URL has no spaces"),
        ("ftp://x.example", "a URL is http:// or https://"),
        ("ws://x.example", "a URL is http:// or https://"),
        ("x.example", "a URL is http:// or https://"),
        ("https:/x.example", "a URL is http:// or https://"),
        ("https://", "a URL is http:// or https://"),
        ("https://:80", "a URL is http:// or https://"),
        ("https://x.example:99999", "a URL is http:// or https://"),
        ("https://x.example:0", "a URL is http:// or https://"),
        ("https://x.example:port", "a URL is http:// or https://"),
        ("https://[::1", "a URL is http:// or https://"),
        ("https://エメス.example", "a URL is http:// or https://"),
        ("https://x.example\\y", "a URL is http:// or https://"),
    ],
)
def test_a_url_is_one(path: Path, key: str, url: str, message: str) -> None:
    as_toml = '"' + url.replace("\\", "\\\\").replace("\t", "\\t") + '"'

    line = refusal(path, own_network(**{key: as_toml if key != "rpc_urls" else f"[{as_toml}]"}))

    item = ".0" if key == "rpc_urls" else ""
    assert line.startswith(f"networks.own.{key}{item}")
    assert message in line


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("rpc_urls", "['https://x.example', 'wss://x.example:1/v3/hidden']", ".1 = 'wss://x.example:1/…': "),
        (
            "rpc_urls",
            "'https://x.example,wss://x.example/hidden'",
            ".1 = 'https://x.example,wss://x.example/…': ",
        ),
        (
            "rpc_urls",
            "'https://x.example?hidden, wss://y.example'",
            ".1 = 'https://x.example?…, wss://y.example': ",
        ),
        ("rpc_urls", "['https://x.example/hidden hidden']", ".0 = 'https://x.example/…': "),
        ("rpc_urls", "[['https://x.example/hidden', 1]]", ".0 = ['https://x.example/…', 1]: "),
        ("rpc_urls", "'https:/x.example/hidden'", ".0: "),
        ("rpc_urls", "'hidden'", ".0: "),
        ("storage_url", "['https://x.example/hidden']", " = ['https://x.example/…']: "),
        ("storage_hosts", "'https://x.example/hidden'", ".0 = 'https://x.example/…': "),
        ("info_url", "'https://x.example#hidden'", " = 'https://x.example#…': "),
        ("info_url", "'https://hidden:hidden@x.example/'", " = 'https://…@x.example/': "),
        ("info_url", "'https://hidden@x.example'", " = 'https://…@x.example': "),
        ("info_url", "'https://hidden:hid/den@x.example/'", " = 'https://…': "),
        ("info_url", "'hidden:hidden@x.example'", ": a URL must not hold a user name or password"),
    ],
)
def test_a_refused_url_is_shown_without_what_may_be_secret(
    path: Path, key: str, value: str, shown: str
) -> None:
    line = refusal(path, own_network(**{key: value}))

    assert line.startswith(f"networks.own.{key}{shown}")
    assert "hid" not in line


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[[networks.own]]\nverification_key = 'hidden'", "networks.own"),
        ("[[networks]]\nverification_key = 'hidden'", "networks"),
        ("networks = [[{ verification_key = 'hidden' }]]", "networks"),
        ("[[alerts]]\nwebhook_url = 'hidden'", "alerts"),
        ("alerts = ['hidden']", "alerts"),
        ("alerts = 'hidden'", "alerts"),
        ("[alerts]\nwebhook_url = ['hidden']", "alerts.webhook_url"),
        ("[alerts.webhook_url]\nurl = 'hidden'", "alerts.webhook_url"),
        ("[alerts]\ntopics = [{ webhook_url = 'hidden' }]", "alerts.topics.0"),
        ("[network]\nverification_key = 'hidden'", "network"),
        (own_network(verification_key="['hidden']"), "networks.own.verification_key"),
        (own_network(chain_id="{ verification_key = 'hidden' }"), "networks.own.chain_id"),
    ],
)
def test_what_is_secret_is_not_shown_where_it_is_of_the_wrong_kind(path: Path, text: str, key: str) -> None:
    line = refusal(path, text)

    assert line.startswith(f"{key}: ")
    assert "hidden" not in line


def test_urls_that_are_in_use_stay_as_they_are(path: Path) -> None:
    urls = ["http://127.0.0.1:8545/", "HTTPS://a-b.example/v2/key?x=1/", "http://[::1]:1", "http://node_1"]

    network = load(path, own_network(rpc_urls=repr(urls)))

    assert network.rpc_urls == ["http://127.0.0.1:8545", *urls[1:]]
    assert "must not have a `?`" in refusal(path, own_network(info_url="'https://x.example?key=1'"))


@pytest.mark.parametrize("key", ["core_address", "token_address"])
def test_an_address_in_mixed_case_needs_its_checksum(path: Path, key: str) -> None:
    right = OWN_NETWORK["core_address"]
    for one_case in (right.lower(), "'0x" + right[3:-1].upper() + "'"):
        load(path, own_network(**{key: one_case}))

    line = refusal(path, own_network(**{key: right.replace("Aeb", "aeb")}))

    assert line.startswith(
        f"networks.own.{key} = {right.replace('Aeb', 'aeb')}: upper and lower case are not"
    )
    for malformed in (right.replace("0x", ""), right.replace("0x", "0X"), right[:-2] + "'", "''"):
        assert "`0x` and 40 hex digits" in refusal(path, own_network(**{key: malformed}))


def test_a_mistake_in_a_network_that_is_not_chosen_is_found_too(path: Path) -> None:
    text = "network = 'round3-2'\n[networks.own]\n"

    assert refusal(path, text + "confirmations = 0").startswith(
        "networks.own.confirmations = 0: a whole number"
    )
    assert "nearest is networks.own.rpc_urls" in refusal(path, text + "rpc_url = 'https://x.example'")
    assert load(path, text + "rpc_urls = 'https://x.example'").name == "round3-2"


def test_a_network_has_a_model_for_each_language(path: Path) -> None:
    assert "networks.own.models.ja: is missing" in refusal(path, own_network(models="{ en = 'gpt2' }"))
    for models in ("5", "{ en = 5 }", "{ fr = 'x' }"):
        assert refusal(path, own_network(models=models)).startswith("networks.own.models")


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "a b", "$HOME", "é"])
def test_a_networks_name_is_fit_for_a_directory(path: Path, name: str) -> None:
    assert refusal(path, f'network = "{name}"\n[networks."{name}"]').startswith(f"network = {name!r}: ")


def test_a_byte_order_mark_and_the_line_ends_of_windows_are_no_mistakes(path: Path) -> None:
    text = "network = 'round3-2'\r\n[claims]\r\nmin_fee_emt = 12\r\n"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())

    assert load_settings(path, environment={}).claims.min_fee_emt == 12


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "network = “own”",
            "is not TOML at line 1, column 11: U+201C LEFT DOUBLE QUOTATION MARK stands where",
        ),
        (
            "\n‘network’ = 'own'",
            "is not TOML at line 2, column 1: U+2018 LEFT SINGLE QUOTATION MARK stands where",
        ),
        (
            "network\u00a0= 'own'",
            "is not TOML at line 1, column 8: U+00A0 NO-BREAK SPACE stands where",
        ),
        ("network ＝ 'own'", "is not TOML at line 1, column 9: U+FF1D FULLWIDTH EQUALS SIGN stands"),
        ("network = own", "is not TOML at line 1, column 11"),
        ("network = 'own'\nnetwork = 'own'", "line 2: this key or table is in the file already"),
        ("[claims]\n[claims]\n", "line 2: this key or table is in the file already"),
        ("[claims]\nenabled = true\nenabled = true\n", "line 3: this key or table is in the file already"),
        ("claims.enabled = true\n[claims]\n", "line 2: this key or table is in the file already"),
        ("network = 'own", "is not TOML: its last line breaks off"),
        ("network = ", "is not TOML: its last line breaks off"),
        ("[claims", "is not TOML: its last line breaks off"),
        ("x = " + "[" * 100_000, "is not TOML that can be read: its lists are nested too deeply"),
        ("x = " + "1" * 5_000, "is not TOML that can be read: a number in it has thousands of digits"),
    ],
)
def test_what_is_not_toml_says_where(path: Path, text: str, message: str) -> None:
    assert refusal(path, text).startswith(message)


def test_a_line_that_is_not_toml_is_not_shown(path: Path) -> None:
    assert "hidden" not in refusal(path, "[networks.own]\nverification_key = hidden")


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("[claims]\nmin_fee = 3", "claims.min_fee_emt"),
        ("[claim]\nenabled = true", "claims"),
        ("[claims]\nnetwork = 'round3-2'", "network"),
        ("limit_gb = 5", "cache.limit_gb"),
        ("netwrok = 'round3-2'", "network"),
        ("[networks.own]\nmodels = { fr = 'x' }", "networks.own.models.en, networks.own.models.ja"),
    ],
)
def test_a_mistyped_key_names_the_nearest(path: Path, text: str, nearest: str) -> None:
    assert f"there is no such key; the nearest is {nearest}, and" in refusal(path, text)


@pytest.mark.parametrize("text", ["source = 'x'", "[claims]\nnonsense = 3", "[elsewhere]\nx = 1"])
def test_no_far_off_key_is_suggested(path: Path, text: str) -> None:
    assert "there is no such key; none has a name like it, and" in refusal(path, text)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("EMETH_TUI_PASWORD", "EMETH_TUI_PASSWORD"),
        ("EMETH_TUI_CLAIMS_ENABLED", "EMETH_TUI_CLAIMS__ENABLED"),
        ("EMETH_TUI_VERIFICATIONKEY", "EMETH_TUI_VERIFICATION_KEY"),
        ("EMETH_TUI_", "EMETH_TUI_NETWORK"),
    ],
)
def test_a_mistyped_variable_names_the_nearest_and_shows_no_value(
    path: Path, name: str, nearest: str
) -> None:
    line = refusal(path, "network = 'round3-2'", {name: "hidden"})

    assert line == f"{name}: no setting has this environment variable; the nearest is {nearest}"


@pytest.mark.usefixtures("japanese")
@pytest.mark.parametrize("value", WRONG_VALUES)
def test_a_refusal_is_japanese_on_a_japanese_screen(path: Path, value: str) -> None:
    cases: list[tuple[str, Any]] = [(key, with_value(key, value)) for key in fields_by_key()]
    for key, text in cases:
        try:
            load(path, text)
        except SettingsError as error:
            sentence = text_of(error.reason).rpartition("：")[2]
            assert any("\u3040" <= letter <= "\u30ff" for letter in sentence), (key, sentence)


@pytest.mark.parametrize("listen", ["127.0.0.1:9101", "[::1]:0", "localhost:80", "0.0.0.0:9101"])
def test_an_address_to_listen_on_is_a_host_and_a_port(listen: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f"[metrics]\nlisten = {listen!r}\n", "utf-8")

    assert load_settings(path, environment={}).metrics.listen == listen


@pytest.mark.parametrize("listen", ["::1:9101", "x", "h:x", "h:70000", ":9101"])
def test_what_is_no_address_to_listen_on_is_refused(listen: str, tmp_path: Path) -> None:
    line = refusal(tmp_path / "config.toml", f"[metrics]\nlisten = {listen!r}\n")

    assert line.endswith("host and port are needed, such as `127.0.0.1:9101` or `[::1]:9101`")
