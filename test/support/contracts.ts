/** Calls of the local chain's contracts, encoded: those of the demo, and those of tests alone. */
import { encodeFunctionData } from "viem/utils"
import { hex, type Payments } from "../../src/demo/calls.ts"
import { collectibleAbi, splitterAbi } from "../../src/demo/contracts.ts"
import type { Address } from "../../src/domain/chain.ts"

export { announce, mint, splitToken, transfer } from "../../src/demo/calls.ts"

export const mintCollectible = (to: Address, tokenId: bigint) =>
  encodeFunctionData({ abi: collectibleAbi, functionName: "mint", args: [hex(to), tokenId] })

export const splitNative = (payments: Payments) =>
  encodeFunctionData({
    abi: splitterAbi,
    functionName: "splitNative",
    args: [payments.map(([to]) => hex(to)), payments.map(([, units]) => units)]
  })

/** A payment inside a call that is undone, in a transaction that succeeds. */
export const payInVain = (to: Address) =>
  encodeFunctionData({ abi: splitterAbi, functionName: "payInVain", args: [hex(to)] })
