"""Signing an account's calls, and what the journal keeps of each."""

from __future__ import annotations

import time

from emeth_tui.clients.transactions.gas_price import GasPrice
from emeth_tui.clients.transactions.requests import CANCEL, TransactionRequest
from emeth_tui.clients.transactions.signed_bytes import SignedCall
from emeth_tui.clients.wallet import Wallet
from emeth_tui.model import JobId, JournaledTransaction, TransactionState

CANCEL_GAS = 21_000  # what a transaction without data takes


class Signer:
    """Signs for one account on one chain. Whoever calls it gives out the nonces."""

    def __init__(self, chain_id: int, wallet: Wallet) -> None:
        self._chain_id = chain_id
        self._wallet = wallet

    def sign_request(
        self, request: TransactionRequest, nonce: int, gas: int, price: GasPrice
    ) -> JournaledTransaction:
        """Sign a call that was asked for."""
        call = request.call
        signed = SignedCall(nonce, bytes.fromhex(call.address[2:]), bytes.fromhex(call.data[2:]), gas, price)
        return self.sign(signed, request.purpose, request.job_id)

    def sign_nothing(self, nonce: int, price: GasPrice, job_id: JobId | None) -> JournaledTransaction:
        """Sign a transaction that uses up a nonce and does nothing."""
        call = SignedCall(nonce, bytes.fromhex(self._wallet.address[2:]), b"", CANCEL_GAS, price)
        return self.sign(call, CANCEL, job_id)

    def sign(self, call: SignedCall, purpose: str, job_id: JobId | None) -> JournaledTransaction:
        """Sign a call, for the same purpose as one before it or a new one."""
        raw, tx_hash = self._wallet.sign_transaction(
            {
                "chainId": self._chain_id,
                "nonce": call.nonce,
                "to": call.to,
                "value": 0,
                "data": call.data,
                "gas": call.gas,
                **call.price.fields(),
            }
        )
        return JournaledTransaction(
            tx_hash, call.nonce, purpose, job_id, raw, TransactionState.SIGNED, time.time()
        )
