"""The info server's list of jobs (protocol.md §4): a hint, never a fact. It lags behind and may lie."""

from __future__ import annotations

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, field_validator

from emeth_tui.errors import JobError
from emeth_tui.model import JobId
from emeth_tui.protocol.job_ids import parse_job_id

JOBS_PATH = "/api/v1/jobs"
MAX_UINT256 = 2**256 - 1


class ListedJob(BaseModel):
    """One entry of `GET /api/v1/jobs?status=0`: the fields that a node decides on."""

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
