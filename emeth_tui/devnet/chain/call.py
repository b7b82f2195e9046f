"""Execute calls that change nothing: `eth_call` and `eth_estimateGas`."""

from __future__ import annotations

from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from emeth_tui.devnet.chain.errors import RpcCode, RpcError, rejected
from emeth_tui.devnet.chain.evm import BLOCK_GAS_LIMIT, Call, CallResult, Evm
from emeth_tui.devnet.chain.output import hex_data

_ERROR_SELECTOR = bytes.fromhex("08c379a0")  # Error(string)
_ESTIMATE_TOLERANCE = 0.015  # of the estimate, as with Ethereum nodes


def execute(evm: Evm, header: Any, fields: dict[str, Any]) -> bytes:
    """Execute a call and return its output. Raise RpcError, with the revert data after a revert."""
    call = _affordable_call(evm, header, fields)
    result = evm.call(header, call)
    if result.error is not None:
        raise _failure(result)
    return result.output


def estimate_gas(evm: Evm, header: Any, fields: dict[str, Any]) -> int:
    """Return how much gas a transaction needs. Raise RpcError when no amount is enough."""
    call = _affordable_call(evm, header, fields)
    most = evm.call(header, call)
    if most.out_of_gas:
        raise rejected(f"gas required exceeds allowance ({call.gas})")
    if most.error is not None:
        raise _failure(most)
    # What was spent is enough, unless nested calls need a share of the gas left (EIP-150), a 64th each: with
    # these, a small step more is tried first. Each attempt takes as long as the transaction itself.
    too_little, enough = most.gas_spent - 1, call.gas
    step = max(1, int(most.gas_spent * _ESTIMATE_TOLERANCE))
    attempt = most.gas_spent + (step if most.nests else 0)
    while enough - too_little > 1:
        if _succeeds_with(evm, header, call, attempt):
            enough = attempt
        else:
            too_little = attempt
        if enough - too_little <= enough * _ESTIMATE_TOLERANCE:
            break
        attempt = (too_little + enough) // 2
        if enough == call.gas:  # nothing has been enough yet
            attempt = min(attempt, too_little + step)
            step *= 2
    return enough


def _succeeds_with(evm: Evm, header: Any, call: Call, gas: int) -> bool:
    attempt = Call(call.sender, call.to, call.value, call.data, gas, call.gas_price)
    return evm.call(header, attempt).error is None


def _affordable_call(evm: Evm, header: Any, fields: dict[str, Any]) -> Call:
    """Complete a call: gas defaults to what a block holds and the sender can pay for."""
    value, gas_price = fields.get("value", 0), fields.get("gas_price", 0)
    balance_wei = evm.balance_wei(header, fields["sender"])
    gas = min(fields.get("gas", BLOCK_GAS_LIMIT), BLOCK_GAS_LIMIT)
    if "gas" not in fields and gas_price and balance_wei >= value:
        gas = min(gas, (balance_wei - value) // gas_price)
    if balance_wei < value + gas * gas_price:
        raise rejected("insufficient funds for gas * price + value")
    call = Call(fields["sender"], fields["to"], value, fields["data"], gas, gas_price)
    if gas < evm.intrinsic_gas(call):
        raise RpcError(RpcCode.INVALID_INPUT, "intrinsic gas too low")
    return call


def _failure(result: CallResult) -> RpcError:
    if result.reverted:
        reason = _revert_reason(result.output)
        message = f"execution reverted: {reason}" if reason else "execution reverted"
        return RpcError(RpcCode.EXECUTION_REVERTED, message, hex_data(result.output))
    if result.out_of_gas:
        return RpcError(RpcCode.INVALID_INPUT, "out of gas")
    return RpcError(RpcCode.INVALID_INPUT, f"execution failed: {type(result.error).__name__}")


def _revert_reason(output: bytes) -> str:
    if not output.startswith(_ERROR_SELECTOR):
        return ""
    try:
        return str(decode(["string"], output[len(_ERROR_SELECTOR) :])[0])
    except DecodingError:
        return ""
