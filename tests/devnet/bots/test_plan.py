"""The requester's texts and plans: deterministic, inside the rules, and clear about an unusable corpus."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from emeth_tui.devnet.bots.plan import DatasetSizes, JobPlan, Planner
from emeth_tui.devnet.bots.texts import MIN_TEXT_BYTES, Corpus, load_corpus
from emeth_tui.errors import DevnetError
from emeth_tui.model import Language, token_to_wei
from emeth_tui.protocol.contracts import ROUND_3_2_RATES
from emeth_tui.protocol.parameters import MIN_EPOCHS, parse_parameters, write_parameters
from emeth_tui.protocol.splitting import split

ENGLISH = "The tide comes in twice a day, and nobody has ever asked it to. " * 200
JAPANESE = "潮は一日に二度満ちてくる。\n誰が頼んだわけでもない。\n" * 200


@pytest.fixture(scope="module")
def shipped() -> Corpus:
    return load_corpus(None)


def jobs(planner: Planner, count: int = 60) -> list[JobPlan]:
    return [planner.job(number) for number in range(count)]


def test_the_texts_that_ship_are_both_languages_and_large_enough(shipped: Corpus) -> None:
    assert shipped.languages == (Language.EN, Language.JA)
    assert all(len(text.encode()) >= 40_000 for text in shipped.texts.values())


def test_the_same_seed_plans_the_same_jobs_and_another_seed_others(shipped: Corpus) -> None:
    once, again, other = (jobs(Planner(shipped, seed)) for seed in ("one", "one", "two"))

    assert once == again
    assert not {plan.job_id for plan in once} & {plan.job_id for plan in other}
    assert [plan.dataset for plan in once] != [plan.dataset for plan in other]


def test_languages_alternate_and_the_best_paid_two_are_one_of_each(shipped: Corpus) -> None:
    planned = jobs(Planner(shipped, "seed"))

    assert [plan.language for plan in planned[:4]] == [Language.EN, Language.JA] * 2
    best = sorted(planned, key=lambda plan: plan.fee_wei, reverse=True)[:2]
    assert [plan.job_id for plan in best] == [planned[0].job_id, planned[1].job_id]


def test_planned_jobs_keep_to_what_nodes_and_contract_take(shipped: Corpus) -> None:
    planner = Planner(shipped, "seed")
    planned = [*jobs(planner), *(planner.errand(number) for number in range(20))]

    for plan in planned:
        assert ROUND_3_2_RATES.verifier_fee_wei < plan.fee_wei <= token_to_wei(30)
        assert 4_096 <= len(plan.dataset) <= 160_000
        assert 2 * 3_600 <= plan.lifetime_s <= 6 * 3_600
        param = write_parameters(plan.parameters)
        parameters = parse_parameters(param)
        assert (parameters.language, parameters.epochs) == (plan.language, MIN_EPOCHS)
        assert json.loads(param) == {"language": plan.language.value, "epoch": 30}
        assert split(plan.dataset.decode(), plan.language.value, 1).valid
    assert len({plan.job_id for plan in planned}) == len(planned)


def test_sizes_come_from_the_options(tmp_path: Path) -> None:
    (tmp_path / "en.txt").write_text(ENGLISH * 20, "utf-8")
    planner = Planner(load_corpus(tmp_path), "seed", DatasetSizes((5_000, 6_000), (50_000, 60_000)))

    sizes = [len(plan.dataset) for plan in jobs(planner)]

    assert {4_900 < size <= 6_000 or 49_900 < size <= 60_000 for size in sizes} == {True}
    assert any(size > 49_900 for size in sizes)
    assert max(sizes[:2]) <= 5_000  # a node's first two jobs are quick


@pytest.mark.parametrize("language", list(Language))
def test_a_cut_is_a_piece_of_the_text_and_keeps_characters_and_sentences_whole(
    shipped: Corpus, language: Language
) -> None:
    text = shipped.texts[language]
    twice = text + text

    for seed in range(50):
        piece = shipped.cut(language, 5_000, random.Random(seed))
        assert 4_096 <= len(piece) <= 5_000
        assert piece.decode("utf-8") in twice
        assert piece.decode("utf-8").rstrip(" \n")[-1] in ".!?\"”'。」』)…"


def test_a_cut_larger_than_the_text_is_the_whole_text() -> None:
    corpus = Corpus({Language.EN: ENGLISH})

    piece = corpus.cut(Language.EN, 10**9, random.Random(1)).decode()

    assert sorted(piece.split()) == sorted(ENGLISH.split())


@pytest.mark.parametrize(
    ("name", "text", "language"),
    [
        ("en.txt", JAPANESE, Language.EN),
        ("ja.txt", ENGLISH, Language.JA),
        ("soseki-ja.txt", JAPANESE, Language.JA),
        ("plays_en.txt", ENGLISH, Language.EN),
        ("broken.txt", ENGLISH, Language.EN),
        ("kitchen.txt", JAPANESE, Language.JA),
        ("ninja.txt", ENGLISH, Language.EN),
    ],
)
def test_a_texts_language_is_told_by_its_name_else_by_its_characters(
    tmp_path: Path, name: str, text: str, language: Language
) -> None:
    (tmp_path / name).write_text(text, "utf-8")

    assert load_corpus(tmp_path).languages == (language,)


def test_texts_of_one_language_are_joined(tmp_path: Path) -> None:
    (tmp_path / "a-en.txt").write_text(ENGLISH, "utf-8")
    (tmp_path / "b-en.txt").write_text("A second tale.", "utf-8")

    assert load_corpus(tmp_path).texts == {Language.EN: ENGLISH + "\nA second tale."}


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({}, "holds no text files"),
        ({"notes.md": b"x" * 9_000}, "holds no text files"),
        ({"en.txt": b"x" * (MIN_TEXT_BYTES - 1)}, "shorter than 4,096 bytes"),
        ({"en.txt": b"\xff\xfe" * 9_000}, "en.txt is not UTF-8 text"),
    ],
)
def test_an_unusable_directory_is_told_clearly(
    tmp_path: Path, files: dict[str, bytes], complaint: str
) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)

    with pytest.raises(DevnetError, match=complaint):
        load_corpus(tmp_path)


def test_a_missing_directory_is_told_clearly(tmp_path: Path) -> None:
    with pytest.raises(DevnetError, match="is not a directory"):
        load_corpus(tmp_path / "nowhere")
