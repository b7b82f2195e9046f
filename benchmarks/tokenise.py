"""`tokenise`: from text to tokens, ours against the plain call of the same tokenizer; memory and reopening.

The plain call is what a user of the library writes: one `encode` of an English text, and for Japanese one of
MeCab's words for each line. Both sides start every round with empty caches and must end with the same ids.
Memory is that of `load_tokens`, as a worker calls it, in a separate process for each size of text.
"""

from __future__ import annotations

import dataclasses
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import click
import fugashi
import numpy as np
import tokenizers
import torch
import unidic_lite  # type: ignore[import-untyped]
from tokenizers import decoders, models, pre_tokenizers, trainers

from benchmarks.processes import PeakMemory, SideProcess, closing_all
from benchmarks.report import Goal, Report, json_option, narrate, show, threads_option
from benchmarks.rounds import Machine, Ratios, Stopwatch, ratios, this_machine
from benchmarks.texts import write_grown
from emeth_tui.devnet.bots.texts import Corpus, load_corpus
from emeth_tui.model import Language
from emeth_tui.training.data.dataset import load_tokens
from emeth_tui.training.data.japanese import segment
from emeth_tui.training.data.tokenizer import Bpe, MecabBpe, TextTokenizer, chunks
from emeth_tui.training.data.word_cache import FoundWords, TokenIds
from emeth_tui.training.devices import set_threads
from emeth_tui.training.files.models import DEVNET_SMALL, open_model

_MB = 1_000_000
_VOCAB = 8_192
_REOPENINGS = 5
_MAX_EXTRA_MB, _MAX_REOPENING_MS = 50.0, 10.0  # how much more 100 MB may take than 1 MB; milliseconds

Encode = Callable[[str], TokenIds]


@dataclass(frozen=True, slots=True)
class TokeniseSetup:
    """What is measured: rounds on `round_mb` of text per language, memory for `small_mb` and `size_mb`."""

    rounds: int = 5
    round_mb: float = 4.0
    small_mb: float = 1.0
    size_mb: float = 100.0
    corpus: str | None = None  # None: the texts that ship
    threads: int | None = None  # None: one a core


@dataclass(frozen=True, slots=True)
class TokeniseRound:
    """The same text once on each side."""

    tokens: int
    ours_s: float
    plain_s: float
    ours_cpu_s: float
    plain_cpu_s: float

    @property
    def ratio(self) -> float:
        return self.plain_s / self.ours_s

    @property
    def cpu_ratio(self) -> float:
        return self.plain_cpu_s / self.ours_cpu_s


@dataclass(frozen=True, slots=True)
class Loading:
    """One `load_tokens` from a file to the mapped cache, and the median time of reopening it."""

    size_mb: float
    tokens: int
    seconds: float
    cpu_s: float
    peak_mb: float | None  # above the process's memory before
    reopening_ms: float


@dataclass(frozen=True, slots=True)
class LanguageResult:
    """All figures of one language."""

    corpus_bytes: int
    rounds: list[TokeniseRound]
    speed: Ratios
    cpu: Ratios
    small: Loading
    large: Loading

    @property
    def extra_mb(self) -> float | None:
        """How much more memory the large text takes than the small one."""
        if self.small.peak_mb is None or self.large.peak_mb is None:
            return None
        return self.large.peak_mb - self.small.peak_mb


@dataclass(frozen=True, slots=True)
class TokeniseResult:
    """The languages that the corpus has."""

    setup: TokeniseSetup
    machine: Machine
    languages: dict[str, LanguageResult]

    def report(self) -> Report:
        """Return what to print."""
        lines = [line for name, result in self.languages.items() for line in _lines(name, result, self.setup)]
        goals = [goal for name, result in self.languages.items() for goal in _goals(name, result)]
        content = {"setup": dataclasses.asdict(self.setup)}
        content |= {name: dataclasses.asdict(result) for name, result in self.languages.items()}
        return Report(content, lines, self.machine, goals if self.setup.size_mb >= 100 else ())


def measure(setup: TokeniseSetup) -> TokeniseResult:
    """Measure each language of the corpus."""
    if setup.threads is not None:
        set_threads(setup.threads)
    corpus = load_corpus(Path(setup.corpus) if setup.corpus else None)
    languages = {language.value: _measure(setup, corpus, language) for language in corpus.languages}
    return TokeniseResult(setup, this_machine(), languages)


def _measure(setup: TokeniseSetup, corpus: Corpus, language: Language) -> LanguageResult:
    rounds = list(_rounds(setup, corpus.texts[language], language))
    small, large = _loadings(setup, corpus.texts[language], language)
    return LanguageResult(
        corpus_bytes=len(corpus.texts[language].encode()),
        rounds=rounds,
        speed=ratios([each.ratio for each in rounds]),
        cpu=ratios([each.cpu_ratio for each in rounds]),
        small=small,
        large=large,
    )


def _rounds(setup: TokeniseSetup, text: str, language: Language) -> Iterator[TokeniseRound]:
    if language is Language.JA:  # MeCab drops spaces: a user's call loses them, ours keeps them
        text = "\n".join(line for line in text.split("\n") if " " not in line)
    # Ours encodes several line ends together, a user who goes line by line does not.
    text = "\n".join(filter(None, text.split("\n"))) + "\n"
    saved = _trained(text, language).to_str()
    for number in range(setup.rounds):
        round_text = _grown(text, setup.round_mb, number)
        # Fresh ones in each round, because both cache what they have seen.
        ours, plain = _ours(tokenizers.Tokenizer.from_str(saved), language), _plain(saved, language)
        sides = {"ours": ours, "plain": plain}
        seconds: dict[str, tuple[float, float]] = {}
        ids: dict[str, TokenIds] = {}
        for name in sides if number % 2 == 0 else reversed(sides):
            watch = Stopwatch()
            ids[name] = sides[name](round_text)
            seconds[name] = watch.lap()
        if not np.array_equal(ids["ours"], ids["plain"]):
            raise RuntimeError(f"{language.value}: the two sides made different tokens")
        (ours_s, ours_cpu_s), (plain_s, plain_cpu_s) = seconds["ours"], seconds["plain"]
        each = TokeniseRound(len(ids["ours"]), ours_s, plain_s, ours_cpu_s, plain_cpu_s)
        narrate(f"{language.value} round {number + 1}: {each.ratio:.2f}x (CPU time {each.cpu_ratio:.2f}x)")
        yield each


def _trained(text: str, language: Language) -> tokenizers.Tokenizer:
    """Train a byte-level BPE: for English on GPT-2's own words, for Japanese on MeCab's."""
    bpe = tokenizers.Tokenizer(models.BPE())
    english = language is Language.EN
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=english)
    bpe.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=_VOCAB, initial_alphabet=alphabet, show_progress=False)
    bpe.train_from_iterator(text.splitlines() if english else segment(text), trainer)
    return bpe


def _ours(bpe: tokenizers.Tokenizer, language: Language) -> Encode:
    english = language is Language.EN
    tokenizer: TextTokenizer = Bpe(bpe, FoundWords(bpe, None)) if english else MecabBpe(bpe)
    return lambda text: np.concatenate([tokenizer.encode(chunk) for chunk in chunks([text])])


def _plain(saved: str, language: Language) -> Encode:
    bpe = tokenizers.Tokenizer.from_str(saved)
    if language is Language.EN:
        return lambda text: np.asarray(bpe.encode(text).ids, np.uint32)
    parse = fugashi.GenericTagger(f'-r /dev/null -d "{unidic_lite.DICDIR}" -Owakati').parse

    def encode(text: str) -> TokenIds:
        ids: list[int] = []
        for line in text.removesuffix("\n").split("\n"):
            ids += bpe.encode([*parse(line).split(" "), "\n"], is_pretokenized=True).ids
        return np.asarray(ids, np.uint32)

    return encode


def _grown(text: str, size_mb: float, seed: int) -> str:
    with tempfile.TemporaryDirectory(prefix="emeth-bench-") as directory:
        path = Path(directory) / "text.txt"
        write_grown(path, text, int(size_mb * _MB), seed)
        return path.read_text("utf-8")


def _loadings(setup: TokeniseSetup, text: str, language: Language) -> Sequence[Loading]:
    with tempfile.TemporaryDirectory(prefix="emeth-bench-") as directory:
        paths = {size_mb: Path(directory) / f"{size_mb}.txt" for size_mb in (setup.small_mb, setup.size_mb)}
        for size_mb, path in paths.items():
            write_grown(path, text, int(size_mb * _MB))
        return [_loading(setup, size_mb, path, language) for size_mb, path in paths.items()]


def _loading(setup: TokeniseSetup, size_mb: float, path: Path, language: Language) -> Loading:
    name = f"{language.value} {size_mb:g} MB"
    sides: list[SideProcess] = []
    with closing_all(sides):
        sides.append(SideProcess(name, _load, (path, language.value, size_mb), setup.threads))
        loading: Loading = sides[0].hear()
    narrate(f"{name}: {loading.seconds:.1f} s, peak {_megabytes(loading.peak_mb)} above the start")
    return loading


def _load(connection: Connection, task: Any) -> None:
    """Tokenise one file, in a process of its own."""
    path, language, size_mb = task
    cache_dir, source = path.with_suffix(".tokens"), open_model(DEVNET_SMALL).token_source(language)
    peak, watch = PeakMemory(torch.device("cpu")), Stopwatch()
    tokens = load_tokens(path, cache_dir, source)
    (seconds, cpu_s), peak_bytes = watch.lap(), peak.read()
    reopenings_s = []
    for _ in range(_REOPENINGS):
        started = time.monotonic()
        load_tokens(path, cache_dir, source)
        reopenings_s.append(time.monotonic() - started)
    connection.send(
        Loading(
            size_mb=size_mb,
            tokens=tokens.train.size + tokens.valid.size,
            seconds=seconds,
            cpu_s=cpu_s,
            peak_mb=None if peak_bytes is None else peak_bytes / _MB,
            reopening_ms=1_000 * statistics.median(reopenings_s),
        )
    )


def _lines(name: str, result: LanguageResult, setup: TokeniseSetup) -> Iterator[str]:
    ours, plain = (
        setup.round_mb / statistics.median(getattr(each, f"{side}_s") for each in result.rounds)
        for side in ("ours", "plain")
    )
    yield (
        f"{name}: {ours:.2f} MB/s, the plain call {plain:.2f} MB/s: {result.speed}, median of {setup.rounds} "
        f"interleaved rounds of {setup.round_mb:g} MB; CPU time {result.cpu}"
    )
    for each in (result.small, result.large):
        yield (
            f"{name}: {each.size_mb:g} MB from file to mapped tokens in {each.seconds:.1f} s "
            f"(CPU time {each.cpu_s:.1f} s), {each.tokens:,} tokens, "
            f"peak {_megabytes(each.peak_mb)} above the start, opened again in {each.reopening_ms:.1f} ms"
        )
    yield f"{name}: lines of {result.corpus_bytes:,} bytes of text, over and over in another order"


def _goals(name: str, result: LanguageResult) -> Iterator[Goal]:
    size_mb = result.large.size_mb
    yield Goal(
        f"{name}: memory for {size_mb:g} MB above that for {result.small.size_mb:g} MB",
        _MAX_EXTRA_MB,
        result.extra_mb,
        "MB",
        False,
    )
    yield Goal(f"{name}: second opening", _MAX_REOPENING_MS, result.large.reopening_ms, "ms", False)


def _megabytes(megabytes: float | None) -> str:
    return "unknown" if megabytes is None else f"{megabytes:.1f} MB"


_SETUP = TokeniseSetup()
_COUNT, _SIZE = click.IntRange(min=1), click.FloatRange(min=0.01)


@click.command("tokenise", help="From text to tokens: MB a second, memory, and opening them again.")
@click.option("--rounds", type=_COUNT, default=_SETUP.rounds, show_default=True)
@click.option(
    "--round-mb", type=_COUNT, default=_SETUP.round_mb, show_default=True, help="Text of one round."
)
@click.option(
    "--size-mb",
    type=_SIZE,
    default=_SETUP.size_mb,
    show_default=True,
    help="The large text, whose memory is compared with that of 1 MB.",
)
@click.option(
    "--corpus",
    type=click.Path(exists=True, file_okay=False),
    help="Directory of *.txt; default: the texts that ship.",
)
@threads_option
@json_option
def command(as_json: bool, **options: Any) -> None:
    show(measure(TokeniseSetup(**options)).report(), as_json)
