// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import "./Token.sol";

/// A token that keeps one percent of each transfer, so that less arrives than was sent.
contract FeeToken is Token {
    address public constant collector = address(0xFEE);

    constructor(string memory symbol_, uint8 decimals_) Token(symbol_, decimals_) {}

    function _transfer(address from, address to, uint256 value) internal override {
        uint256 fee = value / 100;
        super._transfer(from, to, value - fee);
        super._transfer(from, collector, fee);
    }
}
