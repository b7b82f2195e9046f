"""The sentences of notices/events/market.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.events import market
from emeth_tui.notices.notice import Notice

SENTENCES: Mapping[type[Notice], str] = {
    market.Claiming: (
        "claiming: {language}, {dataset_bytes}, fee {fee_wei}, deposit {deposit_wei}, needs "
        "{low_s} to {high_s}"
    ),
    market.Claimed: "claimed, deposit {deposit_wei}",
    market.Chosen: "chosen by {by}",
    market.ClaimLost: "not claimed after all: {reason}; no deposit was taken",
    market.Canceled: "the requester cancelled it before our claim",
    market.ClaimsPaused: "claiming paused: {reason}",
    market.ClaimsHeld: "claiming waits: {reason}",
    market.ClaimsResumed: "claiming is resumed by {by}",
    market.PauseLifted: "claiming is resumed by {by}, but takes no job: {reason}",
    market.Idle: "taking no job: {reason}",
    market.ModelFetching: "fetching the model {model}; no job of it is taken before",
    market.ModelReady: "the model {model} is ready",
    market.ModelTrouble: "{reason}; no job of it is taken, trying again",
    market.RateDiffers: ("the contract's {name} is {actual_percent}, not the published {published_percent}"),
    market.VerifierFeeDiffers: "the verifier's fee is {actual_wei}, not the published {published_wei}",
}

_COMPARE_RATES = (
    "ask the network's operator before you stake more; the node counts with the contract's rates, not with "
    "those published"
)
REMEDIES: Mapping[type[Notice], str] = {
    market.ClaimsPaused: (
        "do what its reason asks for, then `emeth-tui resume --claims`, or `P` on the screen"
    ),
    market.ClaimsHeld: "nothing: jobs are taken again once its reason has passed",
    market.ModelTrouble: (
        "`emeth-tui doctor` checks connection and hub; or set training.model_en or training.model_ja to a "
        "local directory, which applies at once"
    ),
    market.RateDiffers: _COMPARE_RATES,
    market.VerifierFeeDiffers: _COMPARE_RATES,
}
