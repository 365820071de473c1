/**
 * The scanner of Solana: which transactions brought our owners something between two slots?
 *
 * A node lists the transactions that name an address, and a transfer of tokens need not name the
 * owner. So for each owner:
 *
 *     its token accounts of each mint ──┐
 *     transactions that name it ────────┴──▶ those that name its token accounts ──▶ what they brought
 *
 * An account that was closed since is not among its token accounts any more. But whoever closes it
 * names its owner, so the owner's transactions, up to the newest of all, tell of it. What cannot be
 * found: what came into an account that was then closed, or given to another owner, by somebody else
 * in a transaction that does not name the owner. And what a transaction of a version brought that
 * cannot be read yet: that is logged.
 */
import { Array as Arr, Effect } from "effect"
import type { ChainConfig } from "../../config/chain-config.ts"
import type { Address } from "../../domain/chain.ts"
import type { Endpoint } from "../rpc/endpoint.ts"
import type { Endpoints } from "../rpc/endpoints.ts"
import type { BlockRange, ChainScanner, ScannedTransfer } from "../scanner.ts"
import { accountsOf } from "./answers.ts"
import { accountsToldOf, arrivals } from "./arrivals.ts"
import { newestSlot, transactionOf } from "./calls.ts"
import { transactionsSince } from "./history.ts"
import { firstSlot, type ListedTransaction, tokenAccountsOf } from "./listings.ts"

/** About five hours. It costs no more calls than a short range, but holds more transactions. */
const maxSlots = 50_000
/** Owners asked about in one question: what fails is asked again as a whole. */
const maxOwners = 50
/** Calls made of one endpoint at a time. */
const maxConcurrent = 50

/** A transaction that names one of the addresses that were looked for. */
interface Naming extends ListedTransaction {
  readonly address: Address
}

export const makeSolanaScanner = (
  chain: ChainConfig,
  endpoints: Endpoints
): Effect.Effect<ChainScanner> =>
  Effect.succeed({
    maxBlocks: maxSlots,
    isLimitedByAddress: true,
    heads: endpoints.ask(
      Effect.fnUntraced(function* (endpoint) {
        const [latest, finalized] = yield* Effect.all(
          [
            newestSlot(endpoint, "confirmed", headsGroup),
            newestSlot(endpoint, "finalized", headsGroup)
          ],
          { concurrency: "unbounded" }
        )
        yield* endpoint.observeHead(latest)
        return { latest, final: Math.min(latest, finalized) }
      })
    ),
    scan: Effect.fn("SolanaScanner.scan")(function* (range, addresses) {
      const found = yield* Effect.forEach(Arr.chunksOf(addresses, maxOwners), (owners) =>
        endpoints.ask((endpoint) => scanOwners(chain, endpoint, range, new Set(owners)))
      )
      return found.flat().toSorted((a, b) => a.block_number - b.block_number)
    })
  })

const headsGroup = "heads"

const scanOwners = Effect.fnUntraced(function* (
  chain: ChainConfig,
  endpoint: Endpoint,
  range: BlockRange,
  owners: ReadonlySet<Address>
) {
  yield* checkHas(endpoint, range)
  const mints = [...chain.tokens.values()].flatMap((token) =>
    token._tag === "Contract" ? [token.contract] : []
  )
  const pairs = [...owners].flatMap((owner) => mints.map((mint) => ({ owner, mint })))
  const listed = yield* Effect.forEach(
    pairs,
    ({ owner, mint }) => tokenAccountsOf(endpoint, owner, mint, range.to),
    { concurrency: maxConcurrent }
  )
  const told = new Set<Address>(listed.flat())
  const found: Array<ScannedTransfer> = []
  const seen = new Set<string>()

  /** Reads each transaction once, and takes what it brought, and of which token accounts it tells. */
  const read = (transactions: ReadonlyArray<Naming>) => {
    const unread = transactions.filter(({ signature, err }) => err === null && !seen.has(signature))
    const distinct = new Map(unread.map((one) => [one.signature, one]))
    return Effect.forEach(
      distinct.values(),
      Effect.fnUntraced(function* (one) {
        seen.add(one.signature)
        const transaction = yield* readable(endpoint, one)
        if (transaction === null) return
        for (const account of accountsToldOf(transaction, owners, new Set(mints))) told.add(account)
        if (one.slot > range.to) return
        const claims = arrivals(chain, one.signature, transaction, owners)
        found.push(...claims.map((claim) => ({ claim, block_number: one.slot })))
      }),
      { concurrency: maxConcurrent, discard: true }
    )
  }

  yield* read(yield* transactionsOf(endpoint, owners, range))
  const ofAccounts = yield* transactionsOf(endpoint, told, range)
  yield* read(ofAccounts.filter(({ slot }) => slot <= range.to))
  return found
})

/** What an endpoint does not have, or no longer has, it would not list either. */
const checkHas = Effect.fnUntraced(function* (endpoint: Endpoint, { from, to }: BlockRange) {
  const [newest, oldest] = yield* Effect.all(
    [newestSlot(endpoint, "confirmed", headsGroup), firstSlot(endpoint)],
    { concurrency: "unbounded" }
  )
  yield* endpoint.observeHead(newest)
  if (newest < to) {
    return yield* endpoint.failure(
      `${endpoint.name} is at slot ${newest} and does not have slot ${to} yet`
    )
  }
  if (oldest > from) {
    return yield* endpoint.refusal(
      `${endpoint.name} has the transactions since slot ${oldest} only, not those since ${from}`
    )
  }
})

const transactionsOf = (endpoint: Endpoint, addresses: Iterable<Address>, range: BlockRange) =>
  Effect.forEach(
    addresses,
    (address) =>
      Effect.map(transactionsSince(endpoint, address, range), (listed) =>
        listed.map((one): Naming => ({ ...one, address }))
      ),
    { concurrency: maxConcurrent }
  ).pipe(Effect.map((lists) => lists.flat()))

/** Null for a version that Surehook does not read: anyone may send one, and must not stop the scan. */
const readable = Effect.fnUntraced(function* (endpoint: Endpoint, listed: Naming) {
  const { address, signature, slot } = listed
  const transaction = yield* transactionOf(endpoint, signature).pipe(
    Effect.catchTag("RpcRefused", ({ message }) =>
      Effect.as(
        Effect.logWarning(`${signature} of ${address} was left out of a scan: ${message}`),
        undefined
      )
    )
  )
  if (transaction === undefined) return null
  if (transaction === null) {
    return yield* endpoint.failure(`${endpoint.name} lists ${signature}, but does not have it`)
  }
  if (
    transaction.slot !== slot ||
    transaction.meta.err !== null ||
    !accountsOf(transaction).includes(address)
  ) {
    return yield* endpoint.failure(`${endpoint.name} lists ${signature} otherwise than it shows it`)
  }
  return transaction
})
