"""The sentences of notices/reasons/local/serving.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons.local import serving

SENTENCES: Mapping[type[Notice], str] = {
    serving.KeptFileDamaged: (
        "{path}: is damaged; restore it from a copy, or start a local network with another --state-dir"
    ),
    serving.DirectoryUnusable: "{path}: cannot be made a directory: {detail}",
    serving.ServiceDidNotStart: "the {service} service did not start",
    serving.NoFreePort: "no free loopback port",
    serving.NoPort: "no free loopback port: {detail}",
    serving.NotInBlock: "{act}: sent, and not in a block after {limit_s}",
    serving.NotDeployed: "the contracts could not be deployed: {detail}",
    serving.DeployFailed: "the contracts could not be deployed: transaction {tx_hash} failed",
    serving.DeployerUsed: "no contract at {address}: the deployer was used for other things before",
    serving.DeployedOtherwise: "{term} is {found} on the chain, not {expected}",
    serving.RecordOfOtherChain: (
        "{path}: a deployment was begun on another chain (id {chain_id}); finish it there, or "
        "move this file away"
    ),
    serving.RecordOfOtherAccount: (
        "{path}: {address} began this deployment; go on with that account, or move this file away"
    ),
    serving.RecordOfOtherTerms: (
        "{path}: this deployment was begun with another {term}; give the same options, or move this file away"
    ),
    serving.TransactionsWait: (
        "{address} has {waiting:transaction that is|transactions that are} not in a block yet; "
        "deploy afterwards"
    ),
    serving.NotItsSignature: (
        "the signature is not that of {address} for this network: it is what `emeth-tui network introduce` "
        "prints there"
    ),
    serving.ServeExtraMissing: (
        "serving a network needs packages that are not installed ({modules}): "
        "`pip install 'emeth-tui[serve]'`"
    ),
    serving.CannotListen: "{listen}: cannot be listened on: {detail}",
    serving.ServedAlready: "{directory}: a network is served from here already",
    serving.VerifierKeyDiffers: (
        "another process verifies this network with another key than {path}: copy its key here, or serve "
        "without `verify`"
    ),
    serving.NotTheVerifier: (
        "{address} is not the verifier: the contract names {verifier}; serve with that account, or without "
        "`verify`"
    ),
    serving.ProfileThere: "{path}: is there already; take another --output",
    serving.RecordsNewer: (
        "{where}: its schema is version {version}, of a newer emeth-tui (this one knows {known}): install it"
    ),
    serving.RecordsFailed: "the database does not do what it should: {where}: {detail}",
    serving.BucketMissing: "{where}: there is no such bucket; create it, or correct s3.bucket",
    serving.BucketRefused: (
        "{where}: access is refused ({code}); allow these keys to list, read, write and delete in it"
    ),
    serving.StoreKeysWrong: (
        "{where}: the keys are not accepted ({code}); check s3.access_key_file and s3.secret_key_file"
    ),
    serving.StoreKeysExpired: (
        "{where}: the keys have expired ({code}); the services need keys that last, and a restart takes new "
        "ones"
    ),
    serving.StoreClockDiffers: (
        "{where}: this machine's clock differs too much from the store's; set it right"
    ),
    serving.BucketOfOtherNetwork: (
        "{where} holds another network's objects ({owner}); each network needs a bucket of its own, because "
        "what no job names is deleted"
    ),
    serving.ObjectStoreFailed: "the object store does not do what it should: {where}: {detail}",
    serving.ServingPartMissing: (
        "{part} needs packages that are not installed ({modules}): `pip install 'emeth-tui[{extra}]'`"
    ),
    serving.ServingSecretMissing: "{key} names no file, and {variable} is not set: one of them has to",
    serving.ServingSecretUnreadable: "{path}: cannot be read: {detail}",
    serving.NotText: "it is not text",
    serving.NotANetworksKey: "it is not a network's key",
    serving.HostNotInProfile: (
        '{path}: nodes would refuse URLs on {host}: add storage_hosts = ["{host}"], and hand the profile '
        "out again"
    ),
}
