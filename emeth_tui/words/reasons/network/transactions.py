"""The sentences of notices/reasons/network/transactions.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons.network import transactions

SENTENCES: Mapping[type[Notice], str] = {
    transactions.ContractRefuses: "{act}: the contract refuses it: {said}",
    transactions.ContractRefusesSilently: "{act}: the contract refuses it and gives no reason",
    transactions.ReturnedFalse: "it returned false",
    transactions.AnotherCameFirst: "another transaction came first",
    transactions.GasTooDear: (
        "gas costs {price_gwei} gwei, more than the limit of {limit_gwei} (limits.max_gas_price_gwei): "
        "nothing is sent at that price"
    ),
    transactions.OverFeeLimit: (
        "{act}: it may cost {cost_native_wei} {symbol} after {paid_native_wei} {symbol} for this job, "
        "and the limit is {limit_native_wei} {symbol} (limits.max_job_fee_native): it is not sent"
    ),
    transactions.NoncesUsedElsewhere: (
        "{act}: another program keeps using nonces of {address}; give this node an account of its own"
    ),
    transactions.NoRewardOfDay: "day {slot} has no reward to withdraw",
    transactions.TransactionRefused: "{act}: {where} refuses the transaction: {said}",
    transactions.NotFinal: (
        "{act}: transaction {tx_hash} was sent {waited_s} ago and is not final: {news}; it may "
        "still go through"
    ),
    transactions.InNoBlock: "it is in no block yet",
    transactions.GasUnaffordable: (
        "{act}: its gas may cost {cost_native_wei} {symbol} and {address} holds "
        "{balance_native_wei} {symbol}; send it some"
    ),
    transactions.GasShort: "{act}: {address} has too little {symbol} for gas: {said}; send it some",
    transactions.JobNotOnChain: "{act}: the chain does not know this job",
    transactions.TakenAlready: "{act}: it is {status} already, of node {node}",
    transactions.FundsTooSmall: "{address} holds {emt_wei} and {balance_native_wei} {symbol}: too little",
    transactions.DeploymentUnaffordable: (
        "deploying costs up to {cost_native_wei} {symbol} and {address} holds "
        "{balance_native_wei}; send it some"
    ),
    transactions.FeeUnaffordable: "its fee is {fee_wei} and {address} holds {balance_wei}; send it some",
    transactions.DepositUnaffordable: (
        "its deposit is {deposit_wei} and {address} holds {balance_wei}; send it some, or take "
        "jobs with a smaller fee"
    ),
    transactions.JournalDamaged: "the journal holds bytes that are not a transaction",
}

SEND_NATIVE = (
    "send the chain's native token to the account (`emeth-tui wallet address` prints it); it pays for every "
    "transaction"
)
SEND_EMT = (
    "send EMT to the account (`emeth-tui wallet address` prints it), or wait for verified jobs; with a lower "
    "claims.max_fee_emt deposits are smaller"
)
OWN_ACCOUNT = (
    "find the other program and end it: two with one key compete for nonces and lose deposits. Give each "
    "node an account of its own, then `emeth-tui resume --claims`"
)
RAISE_LIMIT = (
    "raise limits.max_gas_price_gwei or limits.max_job_fee_native, whichever it names, which applies at "
    "once; or wait for a lower price while there is time"
)
REMEDIES: Mapping[type[Notice], str] = {
    transactions.GasTooDear: RAISE_LIMIT,
    transactions.OverFeeLimit: RAISE_LIMIT,
    transactions.NoncesUsedElsewhere: OWN_ACCOUNT,
    transactions.GasUnaffordable: SEND_NATIVE,
    transactions.GasShort: SEND_NATIVE,
    transactions.DepositUnaffordable: SEND_EMT,
}
