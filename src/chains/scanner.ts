/**
 * The contract of a chain's scanner: which transfers to these addresses do these blocks hold?
 *
 * What it finds is a claim like a webhook's, and is verified like one before anything is credited. So
 * a scanner may tell of a transfer that is reorganised away a moment later, but must not leave one out
 * that it says it has looked for.
 */
import { Context, type Effect, Layer } from "effect"
import type { Address, ChainName } from "../domain/chain.ts"
import type { TransferClaim } from "../domain/transfer.ts"
import type { CircuitsOpen, RpcFailure, RpcRefused } from "./validator.ts"

/** Block heights (on Solana slots), both included. */
export interface BlockRange {
  readonly from: number
  readonly to: number
}

export interface ScanHeads {
  /** The newest block. */
  readonly latest: number
  /** The newest block that the chain cannot undo: above it, blocks are read again. */
  readonly final: number
}

export interface ScannedTransfer {
  /** With the index by which a provider would name the transfer, where the chain has one. */
  readonly claim: TransferClaim
  readonly block_number: number
}

export type ScanError = RpcFailure | RpcRefused | CircuitsOpen

export interface ChainScanner {
  /** How many blocks one `scan` takes at most. */
  readonly maxBlocks: number
  /** What is too much to read is so of an address, whatever the range. */
  readonly isLimitedByAddress?: true
  readonly heads: Effect.Effect<ScanHeads, ScanError>
  /**
   * The successful transfers of the chain's configured tokens to these canonical addresses, by block.
   * All of the range was read, or it fails. An endpoint that refuses the range as too large is asked
   * for smaller ones; where that does not help, the error is about the `answer_size`.
   */
  readonly scan: (
    range: BlockRange,
    addresses: ReadonlySet<Address>
  ) => Effect.Effect<ReadonlyArray<ScannedTransfer>, ScanError>
}

/** The scanners of the chains of the configuration that are watched. */
export class Scanners extends Context.Service<
  Scanners,
  { readonly watched: ReadonlyMap<ChainName, ChainScanner> }
>()("surehook/chains/Scanners") {
  /** For who brings a validator of their own. */
  static readonly none = Layer.succeed(Scanners, { watched: new Map() })
}
