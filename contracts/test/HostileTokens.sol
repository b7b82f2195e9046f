// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// @dev A token for tests that can be told to misbehave. It keeps no allowances: anybody may move anything.
contract HostileToken {
    enum Mode {
        Honest,
        SaysNothing, // moves the amount, returns no data
        SaysFalse, // moves nothing, returns false
        LiesTrue, // moves nothing, returns true
        TakesCut, // moves the amount less 1 wei
        RevertsBare, // reverts without data
        SaysTwo, // moves the amount, returns a word that is no bool
        Reenters // calls back into `target` with `payload` before it moves the amount
    }

    Mode public mode;
    address public target;
    bytes public payload;
    mapping(address => uint256) public balanceOf;

    function setMode(Mode newMode) external {
        mode = newMode;
    }

    function reenterWith(address newTarget, bytes calldata newPayload) external {
        mode = Mode.Reenters;
        target = newTarget;
        payload = newPayload;
    }

    function transferFrom(address from, address to, uint256 value) external {
        _act(from, to, value);
    }

    function transfer(address to, uint256 value) external {
        _act(msg.sender, to, value);
    }

    function mint(address to, uint256 value) external {
        balanceOf[address(this)] += value;
        _act(address(this), to, value);
    }

    function burn(uint256 value) external {
        _act(msg.sender, address(0), value);
    }

    /// @dev Gives EMT outside of any mode.
    function deal(address to, uint256 value) external {
        balanceOf[to] += value;
    }

    function _act(address from, address to, uint256 value) private {
        if (mode == Mode.SaysFalse) _answer(0);
        if (mode == Mode.LiesTrue) _answer(1);
        if (mode == Mode.RevertsBare) _fail("");
        if (mode == Mode.Reenters) {
            (bool success, bytes memory data) = target.call(payload);
            if (!success) _fail(data);
        }
        balanceOf[from] -= value;
        balanceOf[to] += mode == Mode.TakesCut ? value - 1 : value;
        if (mode == Mode.SaysTwo) _answer(2);
        if (mode != Mode.SaysNothing) _answer(1);
    }

    function _answer(uint256 word) private pure {
        assembly {
            mstore(0, word)
            return(0, 32)
        }
    }

    function _fail(bytes memory data) private pure {
        assembly {
            revert(add(data, 32), mload(data))
        }
    }
}
