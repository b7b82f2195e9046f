"""The sentences of notices/reasons/local/devnet.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons.local import devnet

SENTENCES: Mapping[type[Notice], str] = {
    devnet.DevnetRunsAlready: (
        "{directory}: a devnet runs here already; stop it or take another --state-dir"
    ),
    devnet.DevnetExtraMissing: (
        "a local network needs packages that are not installed ({modules}): `pip install 'emeth-tui[devnet]'`"
    ),
    devnet.DevnetNotRunning: "the devnet is not running",
    devnet.DevnetDidNotStart: "the devnet did not start: {last_line}; its log is {log}",
    devnet.DevnetNotReady: "the devnet is not ready after {limit_s}; its log is {log}",
    devnet.ChainNotRunning: "the devnet's chain is not running",
    devnet.ChainRunsElsewhere: "another devnet is running on {path}; stop it or take another directory",
    devnet.ChainFileForeign: "{path} is not a devnet's state file; take another directory",
    devnet.ChainFileDamaged: "{path} is damaged at byte {at}; remove it to start a new chain",
    devnet.ChainFileUnopened: "cannot open the chain's state file {path}: {detail}",
    devnet.KeptOtherChain: (
        "the kept chain has id {chain_id}, not {expected_chain_id}; take another directory"
    ),
    devnet.AnvilMissing: (
        "no anvil found: install Foundry (or npm's @foundry-rs/anvil) and put it on the PATH, or "
        "name the binary in {variable}; or run the chain with --chain py-evm"
    ),
    devnet.AnvilUnrunnable: "cannot run {binary}: {detail}",
    devnet.AnvilDidNotStart: "anvil did not start; it said: {said}",
    devnet.AnvilEnded: "anvil ended at once; it said: {said}",
    devnet.NothingSaid: "(nothing)",
    devnet.AnvilRefused: "anvil refused to fund {address}: {said}",
}
