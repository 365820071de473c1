/** Calls of the local chain's contracts, encoded. */
import { encodeFunctionData } from "viem/utils"
import type { Address } from "../domain/chain.ts"
import { splitterAbi, spoofTokenAbi, tokenAbi } from "./contracts.ts"

/** An address as viem's types want it. */
export const hex = (address: Address): `0x${string}` => `0x${address.slice(2)}`

export const transfer = (to: Address, units: bigint) =>
  encodeFunctionData({ abi: tokenAbi, functionName: "transfer", args: [hex(to), units] })

export const mint = (to: Address, units: bigint) =>
  encodeFunctionData({ abi: tokenAbi, functionName: "mint", args: [hex(to), units] })

export const balanceOf = (owner: Address) =>
  encodeFunctionData({ abi: tokenAbi, functionName: "balanceOf", args: [hex(owner)] })

/** An event of the spoofed token, which moves nothing. */
export const announce = (from: Address, to: Address, units: bigint) =>
  encodeFunctionData({
    abi: spoofTokenAbi,
    functionName: "announce",
    args: [hex(from), hex(to), units]
  })

export type Payments = ReadonlyArray<readonly [to: Address, units: bigint]>

/** Token transfers out of the splitter's own balance. */
export const splitToken = (token: Address, payments: Payments) =>
  encodeFunctionData({
    abi: splitterAbi,
    functionName: "splitToken",
    args: [hex(token), payments.map(([to]) => hex(to)), payments.map(([, units]) => units)]
  })
