"""The sentences of notices/events/requests.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.events import requests
from emeth_tui.notices.notice import Notice

SENTENCES: Mapping[type[Notice], str] = {
    requests.Requesting: "requesting a job for {path}, which pays {fee_wei}, for {by}",
    requests.Requested: "requested, and final: {fee_wei} are with the contract",
    requests.CancellingRequest: "its request is being cancelled by {by}",
    requests.RequestCancelled: "its request is cancelled; where it had been paid, {fee_wei} came back",
    requests.ResultFetched: "its result is checked and written as a model to {directory}, for {by}",
}
