"""What the requester posts: the seed and a number determine each job."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass

from emeth_tui.devnet.bots.texts import Corpus
from emeth_tui.model import WEI_PER_TOKEN, JobId, Language
from emeth_tui.protocol.job_ids import job_id_from_bytes
from emeth_tui.protocol.parameters import MIN_EPOCHS, JobParameters

# Fees in hundredths of EMT, within what nodes take by default, 10 to 30 EMT (protocol.md §10), and above the
# verifier's 10 EMT.
_CENT_WEI = WEI_PER_TOKEN // 100
FIRST_FEES_CENTS = (3_000, 2_950)  # the first pair's: a node starts with one job of each language
_FEE_CENTS = (1_100, 2_900)
ERRAND_FEE_WEI = 1_050 * _CENT_WEI
ERRAND_BYTES = (4_200, 4_800)
MIN_DATASET_BYTES = 4_200  # a little more than nodes skip (protocol.md §10): a cut splits no character
_LIFETIME_S = (2 * 3_600, 6 * 3_600)  # from request to deadline
LARGE_EVERY = 8  # one job in this many is large, the first pair never


@dataclass(frozen=True, slots=True)
class DatasetSizes:
    """The sizes of datasets in bytes: of most, and of the occasional large one."""

    small: tuple[int, int] = (8_000, 32_000)
    large: tuple[int, int] = (64_000, 160_000)


@dataclass(frozen=True, slots=True)
class JobPlan:
    """A job to request."""

    job_id: JobId
    language: Language
    dataset: bytes
    fee_wei: int
    lifetime_s: int  # from request to deadline
    epochs: int = MIN_EPOCHS

    @property
    def parameters(self) -> JobParameters:
        return JobParameters(self.language, self.epochs)


class Planner:
    """Plans jobs by their number. Languages alternate; errands are the small jobs that a rival lives on."""

    def __init__(self, corpus: Corpus, seed: str, sizes: DatasetSizes | None = None) -> None:
        self._corpus = corpus
        self._seed = seed
        self._sizes = sizes or DatasetSizes()

    def job(self, number: int) -> JobPlan:
        """Plan the ordinary job with this number, from 0."""
        chance = self._chance("job", number)
        languages = self._corpus.languages
        first = number < len(FIRST_FEES_CENTS)
        large = not first and chance.randrange(LARGE_EVERY) == 0
        low, high = self._sizes.large if large else self._sizes.small
        size_bytes = low if first else chance.randint(low, high)
        fee_cents = FIRST_FEES_CENTS[number] if first else chance.randint(*_FEE_CENTS)
        return self._plan(
            "job", number, languages[number % len(languages)], size_bytes, fee_cents * _CENT_WEI
        )

    def errand(self, number: int) -> JobPlan:
        """Plan the errand with this number, from 0: tiny, and paid the least."""
        chance = self._chance("errand", number)
        size_bytes = chance.randint(*ERRAND_BYTES)
        return self._plan("errand", number, self._corpus.languages[0], size_bytes, ERRAND_FEE_WEI)

    def job_id(self, kind: str, number: int) -> JobId:
        """Return the id of a planned "job" or "errand"."""
        return job_id_from_bytes(hashlib.sha256(f"{self._seed} {kind} {number}".encode()).digest()[:16])

    def _plan(self, kind: str, number: int, language: Language, size_bytes: int, fee_wei: int) -> JobPlan:
        chance = self._chance(f"{kind} text", number)
        return JobPlan(
            job_id=self.job_id(kind, number),
            language=language,
            dataset=self._corpus.cut(language, max(size_bytes, MIN_DATASET_BYTES), chance),
            fee_wei=fee_wei,
            lifetime_s=chance.randint(*_LIFETIME_S),
        )

    def _chance(self, kind: str, number: int) -> random.Random:
        return random.Random(f"{self._seed} {kind} {number}")  # noqa: S311 - for variety, not for secrecy
