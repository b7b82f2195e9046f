"""The documents say what the code says: facts, sections, names of files, options and settings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

import emeth_tui
from emeth_tui.cli.main import command
from emeth_tui.clients.wallet import Wallet
from emeth_tui.engine.estimates.durations import POWER_CAPACITY_PER_WORKER, formula_s
from emeth_tui.errors import ExitCode
from emeth_tui.protocol import hash_chain, replay, splitting, storage_api
from emeth_tui.protocol.contracts import RATE_BASE, ROUND_3_2_RATES, JobStatus, abi
from emeth_tui.protocol.info_api import JOBS_PATH
from emeth_tui.protocol.parameters import MIN_EPOCHS, parse_parameters
from emeth_tui.settings import load_network, load_settings
from emeth_tui.settings.schema import fields_by_key
from emeth_tui.settings.sections import ClaimSettings

ROOT = Path(__file__).resolve().parents[1]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "contracts").glob("*.md")]
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text("utf-8")
CITATION = re.compile(r"protocol\.md((?:(?:,| and)? ?§\d+[a-z]?)+)")
SIGNATURE = re.compile(r"(\w+)\(([^)]*)\)")
CODE = [*(ROOT / "emeth_tui").rglob("*.py"), *(ROOT / "emeth_tui").rglob("*.toml")]


def sections() -> dict[str, str]:
    """Every section of the page by its number."""
    parts = re.split(r"^## (\d+[a-z]?)\. ", PROTOCOL, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def blocks(section: str) -> list[str]:
    """The blocks of code in a section."""
    return re.findall(r"^```\n(.*?)^```$", sections()[section], flags=re.MULTILINE | re.DOTALL)


def values(block: str) -> dict[str, str]:
    """A block's lines as names and values."""
    return dict(line.split(maxsplit=1) for line in block.splitlines())


def citations() -> Iterator[tuple[str, str]]:
    for path in sorted(CODE):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            for match in CITATION.finditer(line):
                for section in re.findall(r"§(\d+[a-z]?)", match[1]):
                    yield f"{path.relative_to(ROOT)}:{number}", section


def test_every_cited_section_exists() -> None:
    cited = list(citations())
    assert len(cited) > 50
    assert [(place, section) for place, section in cited if section not in sections()] == []


def test_every_citation_names_a_section() -> None:
    """A citation in a form that the test above cannot read would not be checked."""
    for path in CODE:
        for line in path.read_text("utf-8").splitlines():
            unread = CITATION.sub("", line).replace("docs/protocol.md", "")
            assert "protocol.md" not in unread, f"{path}: {line}"


def types_of(parameters: str) -> list[str]:
    """The types of a list of parameters, whose names may follow them."""
    return [parameter.split()[0] for parameter in parameters.split(", ")] if parameters else []


def entries(contract: str, kind: str) -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in abi(contract) if entry["type"] == kind}


def parameter(entry: dict[str, Any]) -> str:
    indexed = " indexed" if entry.get("indexed") else ""
    return f"{entry['type']}{indexed} {entry['name']}".strip()


def test_the_calls_that_read_are_those_of_the_abi() -> None:
    functions = entries("EmethCore", "function")
    for line in blocks("3")[0].splitlines():
        call, answer = line.split(" -> ")
        name, arguments = SIGNATURE.fullmatch(call).groups()  # type: ignore[union-attr]
        assert types_of(arguments) == [entry["type"] for entry in functions[name]["inputs"]], line
        assert answer == f"({', '.join(map(parameter, functions[name]['outputs']))})", line


def test_the_events_are_those_of_the_abi() -> None:
    events = entries("EmethCore", "event")
    for line in blocks("3")[1].splitlines():
        name, arguments = SIGNATURE.fullmatch(line.removeprefix("event ")).groups()  # type: ignore[union-attr]
        assert arguments == ", ".join(map(parameter, events[name]["inputs"])), line


def test_the_calls_that_change_state_are_those_of_the_abi() -> None:
    functions = entries("EmethCore", "function")
    calls = re.findall(r"^\| `(\w+)\(([^)]*)\)` \|", sections()["3"], flags=re.MULTILINE)
    for name, arguments in calls:
        assert arguments == ", ".join(map(parameter, functions[name]["inputs"])), name
    changing = {name for name, entry in functions.items() if entry["stateMutability"] == "nonpayable"}
    assert {name for name, _arguments in calls} == changing - {"setVerifier"}


def test_the_tokens_functions_are_in_its_abi() -> None:
    paragraph = next(line for line in sections()["3"].split("\n\n") if line.startswith("EMT is an ERC-20"))
    named = set(re.findall(r"`(\w+)", paragraph))
    known = set(entries("EmethToken", "function")) | set(entries("EmethToken", "event"))
    assert len(named) > 12
    assert named <= known


def test_the_statuses_are_the_codes() -> None:
    rows = re.findall(r"^\| (\d) \| `(\w+)` \|", sections()["3"], flags=re.MULTILINE)
    assert [(int(number), name) for number, name in rows] == [(s.value, s.name) for s in JobStatus]


def test_the_network_is_that_of_the_profile(tmp_path: Path) -> None:
    settings = tmp_path / "config.toml"
    settings.write_text('network = "round3-2"', "utf-8")
    network = load_network(load_settings(settings, environment={}), environment={})
    for value in (
        network.core_address,
        network.token_address,
        network.storage_url,
        network.info_url,
        network.rpc_urls[0],
        str(network.chain_id),
    ):
        assert f"`{value}`" in sections()["2"]
    for model in network.models.values():
        assert f"`{model}`" in sections()["8"]


@pytest.mark.parametrize(
    ("section", "value"),
    [
        ("2", MIN_EPOCHS),
        ("2", ROUND_3_2_RATES.deposit_rate),
        ("2", ROUND_3_2_RATES.failed_penalty_rate),
        ("2", ROUND_3_2_RATES.verifier_fee_wei // 10**18),
        ("3", RATE_BASE),
        ("5", storage_api.PART_BYTES),
        ("5", storage_api.SIGNATURE_LIFETIME_S),
        ("10", POWER_CAPACITY_PER_WORKER),
        ("10", ClaimSettings().min_dataset_bytes),
        ("10", ClaimSettings().min_fee_emt),
        ("10", ClaimSettings().max_fee_emt),
    ],
)
def test_a_number_stands_in_its_section(section: str, value: object) -> None:
    assert f"`{value}`" in sections()[section]


def test_the_rates_of_all_penalties_are_the_same() -> None:
    rates = ROUND_3_2_RATES
    assert rates.timeout_penalty_rate == rates.decline_penalty_rate == rates.failed_penalty_rate


def test_the_services_paths_are_the_codes() -> None:
    assert f"GET {{info}}{JOBS_PATH}?status=0" in sections()["4"]
    for call in (
        f"GET {storage_api.SIZE_OF_PATH}",
        f"POST {storage_api.SIGNED_GET_URL_PATH}",
        f"POST {storage_api.PUT_SIGNED_URLS_PATH}",
        f"POST {storage_api.COMPLETE_UPLOAD_PATH}",
        f"?key={storage_api.dataset_key('{name}')}",
        f'"{storage_api.RESULT_EXTENSION}"',
    ):
        assert call in sections()["5"]


def test_the_requesters_paths_are_the_codes() -> None:
    for path in (
        storage_api.REQUESTER_PUT_URL_PATH,
        storage_api.REQUESTER_GET_URL_PATH,
        storage_api.VERIFIER_GET_URL_PATH,
    ):
        assert f"POST {path}" in sections()["5a"]


def test_the_signed_example_is_what_the_code_signs() -> None:
    example = values(blocks("5")[0])
    wallet = Wallet((1).to_bytes(32, "big"))

    digest = keccak(storage_api.signing_payload(example["jobId"], int(example["signedtime"])))

    assert digest.hex() == example["digest"]
    assert wallet.address == example["address"]
    assert "0x" + wallet.sign_digest(digest).hex() == example["sig"]


def test_nothing_is_installed_from_where_it_is_not() -> None:
    """emeth-tui is not on PyPI: by its name alone, extras are added where it is installed already."""
    from_pypi = re.compile(r"(pipx (install|upgrade)|uv tool \w+) '?emeth-tui|pip install '?emeth-tui(?!\[)")
    catalogues = (ROOT / "emeth_tui" / "words" / "locale").glob("*.po")
    written = [path for path in [*PAGES, *CODE, *catalogues] if path.name != "CHANGELOG.md"]
    assert [path.name for path in written if from_pypi.search(path.read_text("utf-8"))] == []


def test_the_example_of_parameters_is_read() -> None:
    (example,) = re.findall(r"`(\{.*?\})`", sections()["6"])
    assert parse_parameters(example).epochs == MIN_EPOCHS


def test_the_examples_of_a_split_are_what_the_code_splits() -> None:
    examples = [re.split(r"  +", line) for line in blocks("7")[0].splitlines()]
    assert len(examples) == 2
    for language, text, _arrow, _train, train, _valid, valid in examples:
        parts = splitting.split(text.replace(r"\n", "\n"), language, 1)
        assert parts.train == train.replace(r"\n", "\n")
        assert parts.valid == valid.replace(r"\n", "\n")


def test_the_example_of_a_chain_is_what_the_code_links() -> None:
    example = values(blocks("9")[1])
    text = "to be,  or\nnot to be\n"
    links = hash_chain.links(text, "key", 30)
    assert example == {
        "d": hash_chain.dataset_digest(text),
        **{f"h_{epoch}": links[epoch - 1] for epoch in (1, 2, 30)},
    }


def test_the_example_of_a_commitment_is_what_the_code_commits_to() -> None:
    example = values(blocks("9b")[0])

    assert replay.merkle_root(example["lines"].split(", ")).hex() == example["root"]


@given(st.integers(1, 10**10))
def test_this_nodes_formula_is_the_reference_clients(dataset_bytes: int) -> None:
    gas = max(1, dataset_bytes // 2**20) * 5_822 // 1_000
    assert formula_s(dataset_bytes) == gas * 1e6 / POWER_CAPACITY_PER_WORKER


def words_of_code(page: Path) -> set[str]:
    """Every text between back quotes on a page, and every line of its blocks of commands."""
    text = page.read_text("utf-8")
    inline = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text)
    in_blocks = [
        line for block in re.findall(r"^```\w*\n(.*?)^```$", text, re.M | re.S) for line in block.splitlines()
    ]
    return {*inline, *in_blocks}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", ["docs/design.md", "docs/reliability.md", "CONTRIBUTING.md"])
def test_files_and_tests_named_on_a_page_exist(page: str) -> None:
    for name in words_of_code(ROOT / page):
        path, _colons, test = name.partition("::")
        if not re.fullmatch(r"[\w./-]+(\.(py|toml|md|po|txt|tcss|sol)|/)", path) or re.search(
            "NAME|CODE", path
        ):
            continue
        found = [place / path for place in (ROOT, ROOT / "emeth_tui") if (place / path).exists()]
        assert found, name
        assert not test or f"def {test.partition('[')[0]}(" in found[0].read_text("utf-8"), name


def test_the_exit_codes_of_the_readme_are_the_codes() -> None:
    rows = re.findall(r"^\| (\d+) \| [^|]+ \|$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    assert [int(code) for code in rows] == [code for code in ExitCode if code is not ExitCode.UNEXPECTED]


def test_options_named_in_the_readme_exist() -> None:
    known = {option for place in every_command(command) for option in place}
    text = " ".join(line for line in words_of_code(ROOT / "README.md") if "pip " not in line)
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text))
    assert len(named) > 8
    assert named - known == set()


def test_settings_named_in_the_readme_exist() -> None:
    sections = "|".join(sorted({key.partition(".")[0] for key in fields_by_key() if "." in key}))
    named = {
        match
        for text in words_of_code(ROOT / "README.md")
        for match in re.findall(rf"(?<![\w./])(?:{sections})\.[a-z_]+", text)
    }
    assert len(named) > 3
    assert named - set(fields_by_key()) == set()


def test_every_command_is_in_the_readme() -> None:
    code = "\n".join(words_of_code(ROOT / "README.md"))
    names = list(command_names(command))
    assert len(names) > 7
    assert [name for name in names if not re.search(rf"\b{name}\b", code)] == []


def command_names(group: click.Group) -> Iterator[str]:
    """The commands that do something, as they are typed after `emeth-tui`."""
    for name, inner in group.commands.items():
        if isinstance(inner, click.Group):
            yield from (f"{name} {below}" for below in command_names(inner))
        else:
            yield name


def every_command(group: click.Command) -> Iterator[set[str]]:
    """The options of a command and of all commands below it."""
    yield {name for entry in group.params for name in entry.opts}
    for inner in group.commands.values() if isinstance(group, click.Group) else ():
        yield from every_command(inner)


# Pages in both languages, and the kinds of blocks that each tells in its own way: prices and time zones, say.
TRANSLATED = {"private-network": set[str](), "operating": {"toml"}}


@pytest.mark.parametrize("name", TRANSLATED)
def test_a_page_says_the_same_in_japanese(name: str) -> None:
    """Both hold the same commands in the same order, the same names in back quotes, headings, rows and items.

    Who changes one page changes the other: docs/NAME.ja.md is not translated word for word, but leaves
    nothing out.
    """
    english, japanese = (
        Skeleton.of(ROOT / "docs" / f"{name}{end}", TRANSLATED[name]) for end in (".md", ".ja.md")
    )
    assert japanese == english


@dataclass(frozen=True, slots=True)
class Skeleton:
    """What of a page does not depend on its language."""

    blocks: list[tuple[str, str]]
    names: list[str]
    layout: list[str]

    @classmethod
    def of(cls, page: Path, free: set[str]) -> Skeleton:
        block = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
        text = page.read_text("utf-8")
        prose = block.sub("", text)
        names = {" ".join(name.split()) for name in re.findall(r"`([^`]+)`", prose)}
        layout = re.findall(r"^(?:#+ |\| |- |\*\*)", prose, re.MULTILINE)
        blocks = [(kind, "" if kind in free else code) for kind, code in block.findall(text)]
        return cls(blocks, sorted(names), layout)


def test_the_version_is_that_of_the_changelog() -> None:
    released = re.findall(
        r"^## \[(\d+\.\d+\.\d+)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE
    )
    assert released[0] == emeth_tui.__version__
