"""The records of jobs that this account requested, and of their results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from emeth_tui.listings.record_types import JobIdText, Time, Wei


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """A job that this account requested; what only the chain shows is null until it does."""

    job_id: JobIdText
    state: Annotated[
        str,
        Field(
            description="unfinished (not requested yet), unseen (the chain does not show it), requested, "
            "processing, submitted, verified, canceled, timeout, failed, declined"
        ),
    ]
    file: Annotated[str, Field(description="what was requested, as it was named")]
    language: str
    epochs: int
    dataset_bytes: int
    model: str
    private: bool
    fee_wei: Wei
    deadline_at: Time
    dataset: Annotated[str | None, Field(description="its name in storage, null until it is there")]
    node: Annotated[str | None, Field(description="who trains it")]
    requested_at: Time | None
    started_at: Time | None
    submitted_at: Time | None


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """A fetched result, written for transformers; losses in nats per token of the validation text."""

    job_id: JobIdText
    directory: str
    epochs: int
    hash: str
    hash_checked: Annotated[bool, Field(description="false where the verification key is not known here")]
    claimed_loss: Annotated[float, Field(description="as the node's file says")]
    validation_loss: Annotated[float, Field(description="as it was measured here")]
    start_loss: Annotated[float, Field(description="of the model that training started from")]
    result_bytes: int


@dataclass(frozen=True, slots=True)
class SampleRecord:
    """A prompt, and what each model adds to it."""

    prompt: str
    start: str
    result: str


@dataclass(frozen=True, slots=True)
class ComparisonRecord:
    """A result beside the model that it started from; losses in nats per token of the validation text."""

    job_id: JobIdText
    validation_loss: float
    start_loss: float
    samples: list[SampleRecord]
