"""The sentences of notices/reasons/transactions.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons import transactions

SENTENCES: Mapping[type[Notice], str] = {
    transactions.ContractRefuses: "{act}: the contract refuses it: {said}",
    transactions.ContractRefusesSilently: "{act}: the contract refuses it and gives no reason",
}
