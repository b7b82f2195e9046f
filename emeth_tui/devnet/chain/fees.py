"""What gas costs on the devnet: suggestions and the history of fees."""

from __future__ import annotations

from typing import Any

from emeth_tui.devnet.chain.errors import invalid_params
from emeth_tui.devnet.chain.evm import Evm

PRIORITY_FEE_WEI = 10**9  # 1 gwei, suggested to senders
_MAX_BLOCKS = 1_024  # of history in one answer, as with Ethereum nodes


def fee_history(evm: Evm, count: int, newest: Any, percentiles: Any) -> dict[str, Any]:
    """Return base fees, fill and tips of the last `count` blocks up to `newest` (eth_feeHistory)."""
    if count < 1:
        raise invalid_params("the number of blocks is at least 1")
    head_number = evm.head.block_number
    newest_number = min(newest.block_number, head_number)
    oldest_number = max(0, newest_number - min(count, _MAX_BLOCKS) + 1)
    headers: list[Any] = [evm.header_by_number(n) for n in range(oldest_number, newest_number + 1)]
    following = evm.header_by_number(newest_number + 1)
    next_base_fee_wei = evm.next_base_fee_wei() if following is None else following.base_fee_per_gas
    wanted = _percentiles(percentiles)
    return {
        "oldestBlock": hex(oldest_number),
        "baseFeePerGas": [hex(h.base_fee_per_gas) for h in headers] + [hex(next_base_fee_wei)],
        "gasUsedRatio": [h.gas_used / h.gas_limit for h in headers],
        "reward": [_tips(evm, h, wanted) for h in headers] if wanted else [],
    }


def _percentiles(value: Any) -> list[float]:
    if not isinstance(value, list) or len(value) > 100:
        raise invalid_params("the percentiles are a list of up to 100 numbers")
    for item in value:
        if isinstance(item, bool) or not isinstance(item, int | float) or not 0 <= item <= 100:
            raise invalid_params("a percentile is a number from 0 to 100")
    if sorted(value) != value:
        raise invalid_params("the percentiles rise")
    return [float(item) for item in value]


def _tips(evm: Evm, header: Any, percentiles: list[float]) -> list[str]:
    """Return the tips per unit of gas at these percentiles of the block's gas."""
    used = 0
    tips: list[tuple[int, int]] = []  # tip, gas used
    for signed, receipt in zip(evm.transactions(header), evm.receipts(header), strict=True):
        base_fee_wei = header.base_fee_per_gas
        tip = min(signed.max_priority_fee_per_gas, signed.max_fee_per_gas - base_fee_wei)
        tips.append((tip, receipt.gas_used - used))
        used = receipt.gas_used
    tips.sort()
    return [hex(_tip_at(tips, used * percentile / 100)) for percentile in percentiles]


def _tip_at(tips: list[tuple[int, int]], gas: float) -> int:
    seen = 0
    for tip, gas_used in tips:
        seen += gas_used
        if seen >= gas:
            return tip
    return 0
