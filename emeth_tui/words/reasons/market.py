"""The sentences of notices/reasons/market.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons import market
from emeth_tui.words.reasons.network.chain import CHECK_SERVICE
from emeth_tui.words.reasons.network.transactions import OWN_ACCOUNT, SEND_EMT, SEND_NATIVE
from emeth_tui.words.reasons.store import STATE_DAMAGED
from emeth_tui.words.reasons.worker import CHECK_DEVICE

SENTENCES: Mapping[type[Notice], str] = {
    market.WorkersBusy: "every worker has a job",
    market.DevicesHeld: "every device without a job is held (rules.hold)",
    market.NoOffers: "no jobs are on offer",
    market.NoneTaken: "{offers} on offer, none more taken: {reason}",
    market.ClaimingPaused: "claiming is paused: {cause}",
    market.ClaimsDisabled: "claiming is switched off (claims.enabled)",
    market.NodeDraining: "the node ends when the jobs under way are submitted",
    market.NodeStopping: "the node is stopping",
    market.WantedJobsUnderWay: "as many jobs as asked for ({wanted}) are under way",
    market.ServiceDown: "{service} does not answer",
    market.PausedByOperator: "by {by}",
    market.FinishingFirst: "finishing what is under way first, asked for by {by}",
    market.ResultsRejected: "the last {results} results were rejected; look at the log first",
    market.StateMoved: "the state directory {directory} was removed or replaced; look into it first",
    market.StateDamaged: "{path} is damaged; stop the node and go back to a copy (`emeth-tui store`)",
    market.DepositsKept: (
        "a verified job's deposit did not come back: on this network each job costs its deposit, and "
        "forecasts count with that from now on"
    ),
    market.KeyUsedElsewhere: (
        "this node's database lacks {transactions:transaction|transactions} of {address}: another program "
        "uses the account, or the database is an older one"
    ),
    market.ClaimedElsewhere: (
        "another program with this account claimed job {job}; give each node an account of its own"
    ),
    market.UnusableDatasets: "the last {datasets} datasets could not be trained on; look at the events first",
    market.OperatorWasFaster: "the operator was faster",
    market.FeeTooLow: "its fee of {fee_wei} is under {limit_wei}",
    market.FeeTooHigh: "its fee of {fee_wei} is over {limit_wei}",
    market.DatasetTooSmall: "its dataset of {dataset_bytes} is under {limit_bytes}",
    market.DatasetTooLarge: "its dataset of {dataset_bytes} is over {limit_bytes}",
    market.NetTooLow: "should leave {net_worth} {currency}, less than {limit} (claims.min_net)",
    market.NetUnknown: (
        "claims.min_net needs your prices: rewards.emt_price, for fees rewards.native_price, for energy "
        "rewards.energy_price"
    ),
    market.InvalidDeadline: "its deadline is not a valid date",
    market.MissesDeadline: "it would miss its deadline by {missed_s}: {needed}",
    market.MissesMargin: "it would miss its deadline's safety margin by {missed_s}: {needed}",
    market.TimeMeasured: "it needs {low_s} to {high_s}, as measured here",
    market.TimeByFormula: "it needs {low_s} to {high_s}, by the reference's formula",
    market.UnknownToChain: "the chain does not know it",
    market.StatusOnChain: "it is {status} on the chain",
    market.DatasetUnavailable: "its dataset is unavailable: {cause}",
    market.ModelUnavailable: "its model {model} is unavailable (see the events)",
    market.ModelOnItsWay: "its model {model} is not ready yet, {arrived_share} of it is here",
    market.KnownAlready: "this node knows it already, as {state}",
    market.ShortOfEmt: "its deposit is {deposit_wei} and {free_wei} are free",
    market.FeeNotAboveVerifiers: (
        "its fee of {fee_wei} is not above the verifier's of {verifier_fee_wei}: it would pay nothing"
    ),
    market.LanguageNotTaken: "its language is {language}, which is not among claims.languages",
    market.OverStakeLimit: (
        "its deposit of {deposit_wei} and the {staked_wei} staked already are over {limit_wei} "
        "(limits.max_staked_emt)"
    ),
    market.LossLimitReached: (
        "{lost_wei} lost today, the limit is {limit_wei} (limits.max_lost_emt); it goes on at 00:00 UTC, or "
        "when you resume it"
    ),
    market.UnderNativeLimit: (
        "the account holds {balance_native_wei} {symbol}, under {limit_native_wei} {symbol} "
        "(limits.min_native_balance)"
    ),
    market.ShortOfNative: (
        "at {factor} times the present {price_gwei} gwei the transactions of {jobs:job|jobs} cost "
        "{needed_native_wei} {symbol}, and the account holds {balance_native_wei} {symbol}"
    ),
    market.JobOverFeeLimit: (
        "its transactions may cost {cost_native_wei} {symbol} at {price_gwei} gwei, and the limit is "
        "{limit_native_wei} {symbol} (limits.max_job_fee_native)"
    ),
    market.NoWorkerAnswers: "no worker answers; see the events",
    market.ClockAhead: (
        "this machine's clock is {difference_s} ahead of that of the {service}, and signed calls need less "
        "than {limit_s}: set the clock"
    ),
    market.ClockBehind: (
        "this machine's clock is {difference_s} behind that of the {service}, and signed calls need less "
        "than {limit_s}: set the clock"
    ),
    market.NotClaimed: "job {job} is not claimed: {reason}",
    market.ParametersTooLong: "its parameters are {characters} characters long",
    market.ParametersNotJson: "its parameters are not JSON",
    market.ParametersNotObject: "its parameters are not a JSON object",
    market.UnknownLanguage: "its language is neither en nor ja",
    market.InvalidEpochs: "its number of epochs is not a whole number from 1 to {most}",
    market.InvalidDatasetName: "its dataset is not named by a plain file name",
    market.InvalidJobId: "{text} is not a job id: `0x` and 32 hex digits are needed",
}

NO_DEPOSITS_BACK = (
    "the contract does not return deposits, and forecasts count with that from now on. Ask the network's "
    "operator, and look at `emeth-tui market` before `emeth-tui resume --claims`"
)
STATE_MOVED = (
    "leave the node running, it writes its state there again; find out what removed or overwrote it, then "
    "`emeth-tui resume --claims`"
)
_SET_CLOCK = "set the clock by NTP, such as with `timedatectl set-ntp true`"

REMEDIES: Mapping[type[Notice], str] = {
    market.ServiceDown: CHECK_SERVICE,
    market.ResultsRejected: (
        "read the verifier's reasons (`emeth-tui events --level warning`), check verification_key, and run "
        "`emeth-tui doctor` with the node stopped; then `emeth-tui resume --claims`"
    ),
    market.UnusableDatasets: (
        "`emeth-tui jobs --state open` shows the jobs that were set aside; if their datasets are to blame, "
        "decline them, then `emeth-tui resume --claims`"
    ),
    market.StateMoved: STATE_MOVED,
    market.StateDamaged: STATE_DAMAGED,
    market.DepositsKept: NO_DEPOSITS_BACK,
    market.KeyUsedElsewhere: (
        "find the other program and end it: two with one key compete for nonces and lose deposits; give each "
        "node an account of its own. Where an older database was put back by hand, they are this node's own. "
        "Then `emeth-tui resume --claims`"
    ),
    market.ClaimedElsewhere: OWN_ACCOUNT,
    market.LossLimitReached: (
        "`emeth-tui jobs` shows what was lost; `emeth-tui resume --claims` goes on before the next day, and "
        "a higher limits.max_lost_emt applies at once"
    ),
    market.ShortOfEmt: SEND_EMT,
    market.UnderNativeLimit: SEND_NATIVE,
    market.ShortOfNative: SEND_NATIVE,
    market.NoWorkerAnswers: CHECK_DEVICE,
    market.ClockAhead: _SET_CLOCK,
    market.ClockBehind: _SET_CLOCK,
}
