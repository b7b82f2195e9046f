"""The types of what records hold: amounts, times, ids."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Wei = Annotated[str, Field(title="wei", pattern=r"^-?[0-9]+$")]
# A stranger's deadline may lie past every calendar: it is a number then.
Time = Annotated[
    str, Field(title="time", pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z|[0-9]+)$")
]
Worth = Annotated[str, Field(title="amount", pattern=r"^-?[0-9]+(\.[0-9]+)?$")]
Day = Annotated[str, Field(title="day", pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
JobIdText = Annotated[str, Field(title="job id", pattern=r"^0x[0-9a-f]{32}$")]
TxHash = Annotated[str, Field(title="hash", pattern=r"^0x[0-9a-f]{64}$")]
Address = Annotated[str, Field(title="address", pattern=r"^0x[0-9a-fA-F]{40}$")]
