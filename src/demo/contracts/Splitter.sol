// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

interface IToken {
    function transfer(address to, uint256 value) external returns (bool);
}

/// Makes several transfers in one transaction, as payout contracts and exchanges do.
contract Splitter {
    receive() external payable {}

    function splitNative(address payable[] calldata to, uint256[] calldata values) external payable {
        for (uint256 i = 0; i < to.length; i++) {
            (bool sent, ) = to[i].call{value: values[i]}("");
            require(sent, "not sent");
        }
    }

    /// Token transfers out of this contract's own balance.
    function splitToken(IToken token, address[] calldata to, uint256[] calldata values) external {
        for (uint256 i = 0; i < to.length; i++) token.transfer(to[i], values[i]);
    }

    /// Pays inside a call that fails, and carries on: the transaction succeeds, the payment is undone.
    function payInVain(address payable to) external payable {
        try this.payAndFail{value: msg.value}(to) {} catch {}
    }

    function payAndFail(address payable to) external payable {
        (bool sent, ) = to.call{value: msg.value}("");
        require(!sent, "undone");
    }
}
