// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// @title EMT: the ERC-20 in which Emeth's fees, deposits and slot rewards are paid
/// @notice The owner names one minter. On a running network that is EmethCore, which mints slot rewards.
contract EmethToken {
    string public constant name = "Emeth Token";
    string public constant symbol = "EMT";
    uint8 public constant decimals = 18;

    uint256 public totalSupply;
    address public owner;
    address public minter;

    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);
    event MinterChanged(address indexed minter);

    /// @param initialSupply wei of EMT that the deployer starts with
    constructor(uint256 initialSupply) {
        owner = msg.sender;
        _mint(msg.sender, initialSupply);
    }

    function transfer(address to, uint256 value) external returns (bool) {
        _transfer(msg.sender, to, value);
        return true;
    }

    /// @notice An allowance of 2**256 - 1 is endless: it does not shrink.
    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        uint256 allowed = allowance[from][msg.sender];
        require(allowed >= value, "EmethToken: allowance too low");
        if (allowed != type(uint256).max) {
            allowance[from][msg.sender] = allowed - value;
        }
        _transfer(from, to, value);
        return true;
    }

    function approve(address spender, uint256 value) external returns (bool) {
        require(spender != address(0), "EmethToken: zero address");
        allowance[msg.sender][spender] = value;
        emit Approval(msg.sender, spender, value);
        return true;
    }

    function setMinter(address newMinter) external returns (bool) {
        require(msg.sender == owner, "EmethToken: caller is not the owner");
        minter = newMinter;
        emit MinterChanged(newMinter);
        return true;
    }

    function mint(address to, uint256 value) external returns (bool) {
        require(msg.sender == minter, "EmethToken: caller is not the minter");
        _mint(to, value);
        return true;
    }

    /// @notice Destroys EMT of the caller's own.
    function burn(uint256 value) external returns (bool) {
        uint256 balance = balanceOf[msg.sender];
        require(balance >= value, "EmethToken: balance too low");
        balanceOf[msg.sender] = balance - value;
        totalSupply -= value;
        emit Transfer(msg.sender, address(0), value);
        return true;
    }

    function _mint(address to, uint256 value) private {
        require(to != address(0), "EmethToken: zero address");
        totalSupply += value;
        balanceOf[to] += value;
        emit Transfer(address(0), to, value);
    }

    function _transfer(address from, address to, uint256 value) private {
        require(to != address(0), "EmethToken: zero address");
        uint256 balance = balanceOf[from];
        require(balance >= value, "EmethToken: balance too low");
        balanceOf[from] = balance - value;
        balanceOf[to] += value;
        emit Transfer(from, to, value);
    }
}
