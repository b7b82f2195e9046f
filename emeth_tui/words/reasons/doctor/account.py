"""The sentences of notices/reasons/doctor/account.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons.doctor import account

SENTENCES: Mapping[type[Notice], str] = {
    account.WalletOpens: "{path} opens: {address}",
    account.BalanceIs: "{address} holds {emt_wei} and {held_native_wei} {symbol}",
    account.UnderWay: (
        "the balance is {emt_wei} and {held_native_wei} {symbol}, with {jobs:job|jobs} under way"
    ),
    account.JobsAffordable: "enough for the deposits of {jobs:job|jobs} for {fee_wei}",
    account.OffersAffordable: (
        "{offers:job on offer suits|jobs on offer suit} your fees, {affordable} can be staked on"
    ),
    account.OffersTooDear: (
        "{offers:job on offer suits|jobs on offer suit} your fees; the smallest deposit is {smallest_wei}, "
        "and the balance {emt_wei}"
    ),
    account.NoOfferSuits: "{offers:job|jobs} on offer, none with a fee within your limits",
    account.NoncesAgree: "the next nonce is {nonce}; no other program uses the key",
    account.ForeignPending: (
        "{address} has {transactions:pending transaction|pending transactions} that this node did not send: "
        "another program uses the key"
    ),
    account.StateFits: "{directory}: holds no other account's jobs",
    account.StateNotRead: "{path} cannot be read: {cause}",
}
