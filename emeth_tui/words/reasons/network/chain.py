"""The sentences of notices/reasons/network/chain.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons.network import chain

SENTENCES: Mapping[type[Notice], str] = {
    chain.ChainDown: "{cause}; check rpc_urls and the connection",
    chain.OtherChain: (
        "{where} serves chain {chain_id} instead of {expected_chain_id}; check rpc_urls and chain_id"
    ),
    chain.EndpointBehind: "{where} is {blocks:block|blocks} behind",
    chain.EndpointsDisagree: (
        "two endpoints contradict each other on job {job}: {where} says {status}, {other} says {other_status}"
    ),
    chain.CoreMissing: (
        "core_address {address}: there is no contract at it, on chain {chain_id} at {where}; check "
        "core_address and rpc_urls"
    ),
    chain.CoreWithoutToken: (
        "core_address {address}: the contract at it does not name its token, so it is not "
        "EmethCore, on chain {chain_id} at {where}; check core_address and rpc_urls"
    ),
    chain.CoreWithoutRates: (
        "core_address {address}: it does not say its rates: {detail}, on chain {chain_id} at "
        "{where}; check core_address and rpc_urls"
    ),
    chain.TokenMissing: (
        "token_address {token}: there is no contract at it on chain {chain_id} at {where}; check "
        "token_address"
    ),
    chain.OtherToken: (
        "token_address {token}: EmethCore at {core} works with the token {core_token}; check "
        "token_address and core_address"
    ),
}

CHECK_SERVICE = (
    "nothing at first: jobs under way wait, and it is tried again. If it lasts, check the connection and run "
    "`emeth-tui doctor --quick`; of several rpc_urls the next takes over when one does not answer"
)
OTHER_ENDPOINT = (
    "nothing while the other one answers; `emeth-tui doctor --quick` compares all endpoints of rpc_urls"
)
REMEDIES: Mapping[type[Notice], str] = {
    chain.ChainDown: CHECK_SERVICE,
    chain.EndpointBehind: OTHER_ENDPOINT,
    chain.EndpointsDisagree: (
        "leave it until they agree, claiming then goes on; or take the endpoint that is wrong out of "
        "rpc_urls and start the node again"
    ),
}
