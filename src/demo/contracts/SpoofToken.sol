// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// Calls itself USDC and announces transfers that move nothing.
contract SpoofToken {
    string public constant symbol = "USDC";
    uint8 public constant decimals = 6;

    event Transfer(address indexed from, address indexed to, uint256 value);

    function announce(address from, address to, uint256 value) external {
        emit Transfer(from, to, value);
    }
}
