"""The info server's list of jobs (protocol.md §4): a hint, never a fact. It lags behind and may lie."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, field_validator

from emeth_tui.errors import JobError
from emeth_tui.model import JobId
from emeth_tui.notices.notice import Reason, from_data
from emeth_tui.notices.reasons.network import verification as why
from emeth_tui.notices.reasons.training import result
from emeth_tui.protocol.job_ids import parse_job_id
from emeth_tui.words.sentences import english

JOBS_PATH = "/api/v1/jobs"
MAX_UINT256 = 2**256 - 1
_MAX_REASON_CHARS = 1_000  # of its sentence; ours have some hundred
_REASONS_OF_VERIFIERS = {why.__name__, result.__name__}


class ListEntry(msgspec.Struct, frozen=True, gc=False):
    """One entry of `GET /api/v1/jobs?status=0`, the fields that a node decides on: cheap, for long lists.

    Fees are in wei, sizes in bytes. The id may be in any case.
    """

    id: Annotated[str, Meta(pattern=r"^0x[0-9a-fA-F]{32}\Z")]
    owner: Annotated[str, Meta(max_length=64)]
    status: Annotated[int, Meta(ge=0, le=9)]
    dataset: Annotated[str, Meta(max_length=1_024)] = msgspec.field(name="datasetPath")
    dataset_bytes: Annotated[int, Meta(ge=0, le=2**53)] = msgspec.field(name="datasetSize")
    fee_wei: Annotated[int, Meta(ge=0)] = msgspec.field(name="fee")
    deadline_unix_s: Annotated[int, Meta(ge=0)] = msgspec.field(name="deadline")
    param: Annotated[str, Meta(max_length=4_096)] | None = None
    node: Annotated[str, Meta(max_length=64)] | None = None

    @property
    def job_id(self) -> JobId:
        """The id in lower case, as everywhere else."""
        return JobId(self.id.lower())

    def lists(self, job: ListedJob) -> bool:
        """Whether this is the same job, listed as it was."""
        return (
            self.job_id == job.job_id
            and self.fee_wei == job.fee_wei
            and self.deadline_unix_s == job.deadline_unix_s
            and self.dataset_bytes == job.dataset_bytes
            and self.dataset == job.dataset
            and self.param == job.param
            and (self.owner, self.node, self.status) == (job.owner, job.node, job.status)
        )

    def as_job(self) -> ListedJob:
        """Return the job. Raise ValidationError for a number that no contract holds."""
        return ListedJob.model_validate({**msgspec.structs.asdict(self), "job_id": self.id})


class ListedJob(BaseModel):
    """An entry of the list that is looked at more closely."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    job_id: JobId = Field(validation_alias=AliasChoices("id", "job_id"))
    owner: str = Field(max_length=64)
    status: int = Field(ge=0, le=9)
    dataset: str = Field(validation_alias=AliasChoices("datasetPath", "dataset"), max_length=1_024)
    node: str | None = Field(default=None, max_length=64)
    param: str | None = Field(default=None, max_length=4_096)
    dataset_bytes: int = Field(validation_alias=AliasChoices("datasetSize", "dataset_bytes"), ge=0, le=2**53)
    fee_wei: int = Field(validation_alias=AliasChoices("fee", "fee_wei"), ge=0, le=MAX_UINT256)
    deadline_unix_s: int = Field(
        validation_alias=AliasChoices("deadline", "deadline_unix_s"), ge=0, le=MAX_UINT256
    )

    @field_validator("job_id", mode="before")
    @classmethod
    def _checked_job_id(cls, value: object) -> JobId:
        try:
            return parse_job_id(str(value))
        except JobError as error:
            raise ValueError(str(error)) from error


class _Rejection(BaseModel):
    text: str = Field(default="", max_length=100_000)
    reason: dict[str, Any] = Field(default_factory=dict)


class _RejectedJob(BaseModel):
    rejection: _Rejection | None = None


def read_rejection(body: bytes) -> Reason | None:
    """Return why a verifier rejected a job's result, from the job's entry; None where it does not say.

    A reason that this version has no words for comes in the server's. Raise ValueError for no such entry.
    """
    rejection = _RejectedJob.model_validate_json(body).rejection
    if rejection is None:
        return None
    reason = from_data(Reason, rejection.reason)
    if type(reason).__module__ in _REASONS_OF_VERIFIERS and len(english(reason)) <= _MAX_REASON_CHARS:
        return reason
    return why.VerifierSays(rejection.text) if rejection.text else None
