// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// An ERC-721 event: the topic of an ERC-20 transfer, but the number is an id and not an amount.
contract Collectible {
    event Transfer(address indexed from, address indexed to, uint256 indexed tokenId);

    function mint(address to, uint256 tokenId) external {
        emit Transfer(address(0), to, tokenId);
    }
}
