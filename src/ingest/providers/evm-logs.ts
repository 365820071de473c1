/**
 * What a log of an EVM transaction says of a deposit. Pure.
 *
 * https://eips.ethereum.org/EIPS/eip-20: `Transfer(address indexed, address indexed, uint256)` has
 * three topics and 32 bytes of data. https://eips.ethereum.org/EIPS/eip-721 has the same first topic,
 * and the token's id as a fourth: no amount. https://eips.ethereum.org/EIPS/eip-1155 has its own.
 * Which token it is, the emitting contract says, and this does not look at it.
 */
import { type Address, canonicalAddress } from "../../domain/chain.ts"
import type { Ignored } from "../provider.ts"

export interface EvmLog {
  readonly topics: ReadonlyArray<string>
  readonly data: string
}

export type LogMeaning =
  | {
      readonly _tag: "Transfer"
      readonly from: Address
      readonly to: Address
      /** In the token's smallest unit. */
      readonly units: bigint
    }
  | ({ readonly _tag: "NoDeposit" } & Omit<Ignored, "path">)

/** keccak-256 of Transfer(address,address,uint256) */
export const transferTopic = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"

const noDeposits: ReadonlyMap<string, Omit<Ignored, "path">> = new Map([
  // Approval(address,address,uint256)
  [
    "0x8c5be1e5ebec7d5bd14f71427d1e84f3dd0314c0f7b2291e5b200ac8c7c3b925",
    { reason: "approval", detail: "an approval moves nothing" }
  ],
  // ApprovalForAll(address,address,bool)
  [
    "0x17307eab39ab6107e8899845ad3d59bd9653f200f220920489ca2b5937696c31",
    { reason: "approval", detail: "an approval moves nothing" }
  ],
  // TransferSingle(address,address,address,uint256,uint256)
  [
    "0xc3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62",
    { reason: "nft", detail: "a transfer of ERC-1155" }
  ],
  // TransferBatch(address,address,address,uint256[],uint256[])
  [
    "0x4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb",
    { reason: "nft", detail: "transfers of ERC-1155" }
  ]
])

const another: LogMeaning = {
  _tag: "NoDeposit",
  reason: "not_a_transfer",
  detail: "the event is no transfer of ERC-20"
}

/** An indexed address: 12 zero bytes before it. */
const addressIn = (topic: string | undefined): Address | undefined =>
  topic !== undefined && /^0x0{24}[0-9a-f]{40}$/i.test(topic)
    ? canonicalAddress("evm", `0x${topic.slice(26)}`)
    : undefined

export const readLog = ({ data, topics }: EvmLog): LogMeaning => {
  const event = topics[0]?.toLowerCase() ?? ""
  if (event !== transferTopic) {
    const known = noDeposits.get(event)
    return known === undefined ? another : { _tag: "NoDeposit", ...known }
  }
  if (topics.length === 4)
    return { _tag: "NoDeposit", reason: "nft", detail: "a transfer of ERC-721" }
  const from = addressIn(topics[1])
  const to = addressIn(topics[2])
  if (topics.length !== 3 || from === undefined || to === undefined) return another
  return /^0x[0-9a-f]{64}$/i.test(data)
    ? { _tag: "Transfer", from, to, units: BigInt(data) }
    : another
}

const maxTransferIndex = 2_147_483_647

/** The index of a log in its block, as nodes give it in hex; undefined if it is none. */
export const logIndexOf = (hex: string): number | undefined => {
  if (!/^0x[0-9a-f]{1,8}$/i.test(hex)) return undefined
  const index = Number(hex)
  return index <= maxTransferIndex ? index : undefined
}
