/**
 * An in-memory chain of blocks with transactions and events, as Starknet has them: a fake.
 *
 * No Starknet node can be had from npm. This one executes nothing and checks no signature: whoever
 * sends a transaction says what it emits. `starknet-answers.ts` tells of it as a node would.
 */
import { randomBytes } from "node:crypto"
import { Clock, Effect } from "effect"
import { transferSelector } from "../../chains/starknet/matching.ts"
import { Address, TxHash } from "../../domain/chain.ts"

export interface ChainEvent {
  readonly from_address: string
  readonly keys: ReadonlyArray<string>
  readonly data: ReadonlyArray<string>
}

/** An ERC-20 transfer. Newer contracts put sender and recipient into the keys, older ones into the data. */
export interface Transfer {
  readonly contract: Address
  readonly from: Address
  readonly to: Address
  readonly units: bigint
  readonly layout: "keys" | "data"
}

/** What a transaction does: a transfer, or any other event. */
export type Action = Transfer | ChainEvent

export interface SendOptions {
  /** It fails, with this reason: nothing but its fee is moved. */
  readonly revertReason?: string
  /** How far it comes before the next block is made. */
  readonly status?: WaitingStatus
}

export type WaitingStatus = "RECEIVED" | "CANDIDATE" | "PRE_CONFIRMED"

export interface Transaction {
  readonly hash: TxHash
  readonly actions: ReadonlyArray<Action>
  readonly revertReason: string | null
}

export interface WaitingTransaction extends Transaction {
  readonly status: WaitingStatus
}

export interface Block {
  readonly hash: string
  /** Seconds since 1970. */
  readonly timestamp: number
  readonly transactions: ReadonlyArray<Transaction>
}

/** A block's number is its place. */
export interface ChainState {
  readonly chainId: string
  readonly blocks: ReadonlyArray<Block>
  readonly waiting: ReadonlyArray<WaitingTransaction>
  /** The newest block that is accepted on L1. */
  readonly acceptedOnL1: number
}

export interface FakeStarknet {
  readonly state: Effect.Effect<ChainState>
  /** The height of the newest block. */
  readonly head: Effect.Effect<number>
  readonly send: (actions: ReadonlyArray<Action>, options?: SendOptions) => Effect.Effect<TxHash>
  /** Makes blocks: the first of them takes all that waits. */
  readonly mine: (count?: number) => Effect.Effect<void>
  /** Proves all blocks up to this height on L1, which ends their reorganisations. */
  readonly acceptOnL1: (height: number) => Effect.Effect<void>
  /** Replaces the newest blocks by as many empty ones. Their transactions are lost, or wait again. */
  readonly reorganise: (depth: number, fate?: "lost" | "waiting") => Effect.Effect<void>
  /** What an address got in blocks, less what it gave. */
  readonly balanceOf: (contract: Address, holder: Address) => Effect.Effect<bigint>
}

export const hex = (value: bigint): string => `0x${value.toString(16)}`

/** A number that nobody used before, and that fits into a felt. */
const freshFelt = (): string => hex(BigInt(`0x${randomBytes(31).toString("hex")}`))

export const freshAddress = (): Address => Address.make(freshFelt())
export const freshHash = (): TxHash => TxHash.make(freshFelt())

/** STRK on the main network, in which fees are paid. */
export const feeToken = Address.make(
  "0x4718f5a0fc34cc1af16a1cdee98ffb20c31f5cd61d6ab07201858f4287c938d"
)
export const feeUnits = 10n ** 15n
const payer = Address.make("0xacc07")
export const sequencer = Address.make("0x5e90e2ce2")

/** A Starknet transaction, also one that failed, ends with the event that pays its fee. */
const feeTransfer: Transfer = {
  contract: feeToken,
  from: payer,
  to: sequencer,
  units: feeUnits,
  layout: "data"
}

const mask128 = 2n ** 128n - 1n

const eventOf = (action: Action): ChainEvent => {
  if ("keys" in action) return action
  const parties = [action.from, action.to]
  const amount = [hex(action.units & mask128), hex(action.units >> 128n)]
  const isInKeys = action.layout === "keys"
  return {
    from_address: action.contract,
    keys: [transferSelector, ...(isInKeys ? parties : [])],
    data: isInKeys ? amount : [...parties, ...amount]
  }
}

const effectiveActions = ({ actions, revertReason }: Transaction): ReadonlyArray<Action> =>
  revertReason === null ? [...actions, feeTransfer] : [feeTransfer]

export const eventsOf = (transaction: Transaction): ReadonlyArray<ChainEvent> =>
  effectiveActions(transaction).map(eventOf)

const nowSeconds = Effect.map(Clock.currentTimeMillis, (millis) => Math.floor(millis / 1000))

const newBlock = (transactions: ReadonlyArray<Transaction>) =>
  Effect.map(nowSeconds, (timestamp): Block => ({ hash: freshFelt(), timestamp, transactions }))

/** Starts with one block, which is accepted on L1. */
export const makeFakeStarknet = (chainId = "SN_SEPOLIA"): Effect.Effect<FakeStarknet> =>
  Effect.map(newBlock([]), (genesis) => {
    let state: ChainState = { chainId, blocks: [genesis], waiting: [], acceptedOnL1: 0 }
    const headOf = ({ blocks }: ChainState) => blocks.length - 1

    const append = (transactions: ReadonlyArray<Transaction>) =>
      Effect.map(newBlock(transactions), (block) => {
        state = { ...state, blocks: [...state.blocks, block] }
      })

    const appendEmpty = (count: number) =>
      Effect.forEach(Array.from({ length: count }), () => append([]), { discard: true })

    return {
      state: Effect.sync(() => state),
      head: Effect.sync(() => headOf(state)),
      send: (actions, { revertReason = null, status = "PRE_CONFIRMED" } = {}) =>
        Effect.sync(() => {
          const hash = freshHash()
          const sent = { hash, actions, revertReason, status }
          state = { ...state, waiting: [...state.waiting, sent] }
          return hash
        }),
      mine: (count = 1) =>
        Effect.gen(function* () {
          if (count < 1) return
          const { waiting } = state
          state = { ...state, waiting: [] }
          yield* append(waiting)
          yield* appendEmpty(count - 1)
        }),
      acceptOnL1: (height) =>
        Effect.sync(() => {
          const acceptedOnL1 = Math.min(Math.max(height, state.acceptedOnL1), headOf(state))
          state = { ...state, acceptedOnL1 }
        }),
      reorganise: (depth, fate = "lost") =>
        Effect.gen(function* () {
          const kept = Math.max(state.blocks.length - depth, state.acceptedOnL1 + 1)
          const dropped = state.blocks.slice(kept)
          const again = dropped.flatMap(({ transactions }) =>
            transactions.map((transaction) => ({ ...transaction, status: "RECEIVED" as const }))
          )
          state = {
            ...state,
            blocks: state.blocks.slice(0, kept),
            waiting: fate === "waiting" ? [...again, ...state.waiting] : state.waiting
          }
          yield* appendEmpty(dropped.length)
        }),
      balanceOf: (contract, holder) =>
        Effect.sync(() => {
          const transfers = state.blocks
            .flatMap(({ transactions }) => transactions)
            .flatMap(effectiveActions)
            .flatMap((action) => ("keys" in action ? [] : [action]))
            .filter((transfer) => transfer.contract === contract)
          const moved = (side: "from" | "to") =>
            transfers
              .filter((transfer) => transfer[side] === holder)
              .reduce((sum, { units }) => sum + units, 0n)
          return moved("to") - moved("from")
        })
    } satisfies FakeStarknet
  })
