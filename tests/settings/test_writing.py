"""Writing settings: what is set comes back, all else stays as it was, and the file is never half written."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emeth_tui.errors import SettingsError
from emeth_tui.settings import Layers, Origin, example_toml, settings_layers
from emeth_tui.settings.schema import CHANGEABLE_AT_RUN_TIME, fields_by_key, value_of, with_values
from emeth_tui.settings.toml_text import parse_toml
from emeth_tui.settings.writing import edit_toml, write_settings

OWN_FILE = """# mine
network = "round3-2"  # since May

[claims]  # what to take
min_fee_emt = 12  # not for less

# the disk is small
[cache]
limit_gb = 5
[networks.round3-2]
models.ja = "/models/ja"
"""
DOTTED = """networks.mine.chain_id = 5  # ours
claims.enabled = false
limits.max_staked_emt = 100
"""
TEXTS = st.sampled_from(
    ["", OWN_FILE, example_toml(), "[claims]", "claims.enabled = false\n", "[networks.x]\n", DOTTED]
)
VALUES = {
    "network": st.sampled_from(["devnet", "round3-2"]),
    "wallet.keystore": st.builds(
        Path,
        st.text(st.characters(exclude_categories=["C"], exclude_characters="$"), min_size=1).map(
            "/srv/".__add__
        ),
    ),
    "claims.enabled": st.booleans(),
    "claims.min_fee_emt": st.decimals(0, 30, places=18),
    "claims.max_dataset_bytes": st.integers(4_096, 10**12),
    "claims.safety_margin_s": st.none() | st.integers(0, 10**6),
    "workers.devices": st.lists(st.sampled_from(["cpu", "cuda:0", "cuda:1"]), max_size=3, unique=True)
    | st.just(["cpu", "cpu"]),
    "training.learning_rate": st.none() | st.floats(1e-9, 0.5),
    "cache.limit_gb": st.floats(0.001, 1e6),
    "screen.theme": st.text(st.characters(exclude_categories=["Cs"])),
}
CHANGES = st.fixed_dictionaries({}, optional=VALUES)


def layers(path: Path = Path("/nowhere/config.toml")) -> Layers:
    return settings_layers(path, environment={})


@pytest.mark.slow
@settings(deadline=None)  # the time that a file takes to parse is the machine's
@given(TEXTS, CHANGES)
def test_what_is_set_comes_back_and_all_else_stays(text: str, changes: dict[str, object]) -> None:
    before = layers().combine(text)

    edited = edit_toml(text, changes, "config.toml")
    after = layers().combine(edited)

    for key in fields_by_key():
        assert value_of(after, key) == changes.get(key, value_of(before, key)), (key, edited)
    assert after.networks == before.networks
    for comment in ("# mine", "# since May", "# what to take", "# the disk is small"):
        assert (comment in edited) == (comment in text)


def test_comments_and_order_stay_where_they_are() -> None:
    edited = edit_toml(OWN_FILE, {"claims.min_fee_emt": Decimal("12.5"), "claims.enabled": False}, "")

    assert edited == OWN_FILE.replace(
        "min_fee_emt = 12  # not for less", "min_fee_emt = 12.5  # not for less\nenabled = false"
    )


def test_a_key_of_the_example_is_set_where_its_comment_stands() -> None:
    edited = edit_toml(example_toml(), {"cache.limit_gb": 7, "network": "round3-2"}, "")

    expected = example_toml().replace("# limit_gb = 60.0", "limit_gb = 7")
    assert edited == expected.replace('# network = "devnet"', 'network = "round3-2"')


def test_taking_a_key_out_lets_its_default_hold() -> None:
    edited = edit_toml(OWN_FILE, {"claims.min_fee_emt": None, "screen.theme": None}, "")

    assert layers().combine(edited).claims.min_fee_emt == 10
    assert layers().origins(edited)["claims.min_fee_emt"] is Origin.DEFAULT


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (OWN_FILE, OWN_FILE.replace("min_fee_emt = 12  # not for less", "# not for less")),
        ("claims.min_fee_emt = 12 # 手数料\nnetwork = 'devnet' # x\n", "# 手数料\nnetwork = 'devnet' # x\n"),
        ("[claims]\n  min_fee_emt = 12 # why", "[claims]\n# why\n"),
        ("claims = { min_fee_emt = 12, enabled = false } # why", "claims = {  enabled = false } # why"),
    ],
    ids=["table", "dotted", "last-line", "braces"],
)
def test_what_stands_beside_a_key_stays_without_it(text: str, left: str) -> None:
    assert edit_toml(text, {"claims.min_fee_emt": None}, "") == left


def test_what_stands_beside_a_truth_value_stays_without_it() -> None:
    text = "[claims]\nenabled = false  # a holiday\n"

    assert edit_toml(text, {"claims.enabled": None}, "") == "[claims]\n# a holiday\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [("[claims\n", "config.toml: is not TOML"), ("claims = 5\n", "config.toml: claims: is a value")],
)
def test_a_file_that_cannot_be_edited_is_named(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        edit_toml(text, {"claims.enabled": True}, "config.toml")


@pytest.mark.parametrize(
    "text",
    [
        DOTTED,
        f"{DOTTED}[cache]\nlimit_gb = 5\n",
        "networks.mine = { chain_id = 5 }\nclaims.enabled = false",
        "[networks]\nmine.chain_id = 5\nb.first_block = 3\n[claims]\nenabled = false\n",
    ],
)
def test_a_table_of_its_own_takes_in_no_line_that_stood_there(text: str) -> None:
    """Under a header that is put between them, dotted keys would be of its table."""
    edited = edit_toml(text, {"networks.b.chain_id": 7, "networks.b.models.en": "gpt2"}, "")

    after = parse_toml(edited, "")
    added = after["networks"].pop("b")
    assert (added["chain_id"], added["models"]) == (7, {"en": "gpt2"})
    before = parse_toml(text, "")
    before["networks"].pop("b", None)
    assert after == before
    assert set(text.splitlines()) <= set(edited.splitlines())


def test_tables_in_braces_are_left_as_they_are_and_the_remedy_is_named() -> None:
    text = "networks = { mine = { chain_id = 5 } }\n"

    with pytest.raises(
        SettingsError, match=r"config\.toml: networks\.b\.chain_id .* header such as \[networks\.b\]"
    ):
        edit_toml(text, {"networks.b.chain_id": 7}, "config.toml")

    assert edit_toml(text, {"networks.mine.chain_id": 7}, "") == text.replace("5", "7")


def test_a_key_of_no_table_is_set_whatever_is_there() -> None:
    text = 'networks.mine.storage_url = """\n[x]\n"""  # odd'

    assert parse_toml(edit_toml(text, {"network": "devnet"}, ""), "")["network"] == "devnet"


def test_each_layer_is_told() -> None:
    mixed = settings_layers(
        Path("config.toml"),
        environment={"EMETH_TUI_CLAIMS__ENABLED": "no", "EMETH_TUI_SCREEN__THEME": "light"},
        overrides={"screen.theme": "dark", "screen.language": None},
    )

    origins = mixed.origins("[claims]\nmin_fee_emt = 1\nenabled = true")

    keys = ("screen.theme", "claims.enabled", "claims.min_fee_emt", "screen.language", "network")
    assert [origins[key] for key in keys] == [
        Origin.OPTION,
        Origin.ENVIRONMENT,
        Origin.FILE,
        Origin.DEFAULT,
        Origin.DEFAULT,
    ]


def test_the_file_is_its_owners_alone_and_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    real = tmp_path / "dotfiles" / "config.toml"
    real.write_text("network = 'devnet'\n", "utf-8")
    link = tmp_path / "config" / "config.toml"
    link.parent.mkdir()
    link.symlink_to(real)

    write_settings(link, "network = 'round3-2'\n")

    assert link.is_symlink()
    assert real.read_text("utf-8") == "network = 'round3-2'\n"
    assert real.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in real.parent.iterdir()] == ["config.toml"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may write for others")
def test_what_root_writes_stays_its_owners(tmp_path: Path) -> None:
    """`sudo emeth-tui --config … settings set`: the node that reads the file is not root's."""
    config = tmp_path / "config.toml"
    config.write_text("network = 'devnet'\n", "utf-8")
    os.chown(config, 65_534, 65_533)

    write_settings(config, "network = 'round3-2'\n")

    assert config.read_text("utf-8") == "network = 'round3-2'\n"
    owned = config.stat()
    assert (owned.st_uid, owned.st_gid, owned.st_mode & 0o777) == (65_534, 65_533, 0o600)


def test_a_place_that_cannot_be_written_is_named_and_the_old_file_stays(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")

    with pytest.raises(SettingsError, match=r"file/config.toml: cannot be written"):
        write_settings(tmp_path / "file" / "config.toml", "")


def test_what_can_change_at_run_time_is_settings_that_there_are() -> None:
    assert set(fields_by_key()) > CHANGEABLE_AT_RUN_TIME


def test_values_are_laid_over_settings_by_key() -> None:
    before = layers().combine(OWN_FILE)

    after = with_values(before, {"claims.min_fee_emt": Decimal(3), "network": "devnet"})

    assert (after.claims.min_fee_emt, after.network, after.cache) == (3, "devnet", before.cache)
    assert before.claims.min_fee_emt == 12
