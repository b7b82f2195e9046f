"""What each command's `--json` holds, and one JSON schema of it all."""

from __future__ import annotations

from typing import Any

from emeth_tui.listings.network_records import DeployedRecord, NetworkRecord
from emeth_tui.listings.records import (
    AccountRecord,
    DayRecord,
    DeviceRecord,
    EventRecord,
    HostRecord,
    JobDetails,
    JobRecord,
    KeyRecord,
    MonthRecord,
    MovementRecord,
    OfferRecord,
    ResultRecord,
    SettingRecord,
    StatusRecord,
    ThemeRecord,
    TransactionRecord,
    VersionRecord,
)
from emeth_tui.listings.request_records import ComparisonRecord, ModelRecord, RequestRecord

SCHEMA = 1  # rises when a field goes or changes its meaning

ACTING_COMMANDS = (
    "pause",
    "resume",
    "finish",
    "claim",
    "decline",
    "withdraw",
    "settings set",
    "settings reload",
    "stop",
)

# Each command's document. A listing is an array; what follows is one object a line.
DOCUMENTS: dict[str, Any] = {
    "status": StatusRecord,
    "jobs": list[JobRecord],
    "job": JobDetails,
    "events": list[EventRecord],
    "market": list[OfferRecord],
    "transactions": list[TransactionRecord],
    "rewards": list[DayRecord],
    "rewards --month": MonthRecord,
    "rewards --movements": list[MovementRecord],
    "rewards --devices": list[DeviceRecord],
    "settings get": list[SettingRecord],
    **dict.fromkeys(ACTING_COMMANDS, ResultRecord),
    "themes": list[ThemeRecord],
    "keys": list[KeyRecord],
    "hosts": list[HostRecord],
    "request": RequestRecord,
    "requests": list[RequestRecord],
    "requests fetch": ModelRecord,
    "requests compare": ComparisonRecord,
    "network deploy": DeployedRecord,
    "network info": NetworkRecord,
    "watch": AccountRecord,
    "version": VersionRecord,
}


def json_schema() -> dict[str, Any]:
    """Return one JSON schema that defines every command's document."""
    from pydantic import TypeAdapter

    inputs = [(name, "serialization", TypeAdapter(kind)) for name, kind in DOCUMENTS.items()]
    documents, shared = TypeAdapter.json_schemas(inputs)  # type: ignore[arg-type]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"emeth-tui --json, schema {SCHEMA}",
        "$defs": {
            **shared["$defs"],
            **{name: schema for (name, _mode), schema in documents.items()},
        },
    }
