import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import type { BlockRange, ScannedTransfer } from "../../../src/chains/scanner.ts"
import { wrappedSol } from "../../../src/demo/solana/instructions.ts"
import { Amount } from "../../../src/domain/amount.ts"
import type { Address, TxHash } from "../../../src/domain/chain.ts"
import type { TokenSymbol } from "../../../src/domain/ids.ts"
import { tell } from "../../../src/ingest/providers/solana-balances.ts"
import { rawBalances } from "../../../src/ingest/providers/solana-transaction.ts"
import {
  answerTo,
  asConfirmed,
  chainOf,
  claimOf,
  failureOf,
  fee,
  type OpenScanner,
  openScanner,
  Solana,
  sol,
  usdc
} from "../../support/solana.ts"
import { expectTag } from "../../support/verdicts.ts"

const oneUsdc = 1_000_000n
const oneSol = 10n ** 9n

const claim = (tx_hash: TxHash, to_address: Address, amount: string, token: TokenSymbol = usdc) =>
  claimOf({ tx_hash, to_address, token, amount: Amount.make(amount) })

/** The slots of what is done, all of them confirmed in the end. */
const during = <A, E, R>(work: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const { chain } = yield* Solana
    const from = (yield* chain.slot("processed")) + 1
    const done = yield* work
    yield* chain.confirm
    return { done, range: { from, to: yield* chain.slot("confirmed") } }
  })

const claimsOf = (found: ReadonlyArray<ScannedTransfer>) => found.map((one) => one.claim)

/** What is found must also be credited: the validator has the last word. */
const scanAndVerify = Effect.fnUntraced(function* (
  { scanner, verify }: OpenScanner,
  range: BlockRange,
  addresses: ReadonlyArray<Address>
) {
  const found = yield* scanner.scan(range, new Set(addresses))
  for (const one of found) {
    const verdict = expectTag(yield* verify(one.claim), "Confirmed")
    assert.strictEqual(verdict.block_number, one.block_number)
  }
  return claimsOf(found)
})

layer(Solana.layer, { timeout: "60 seconds" })("a scan of Solana", (it) => {
  it.effect("finds what came to our owners, nothing else, and the validator confirms it", () =>
    Effect.gen(function* () {
      const { chain, feeToken, spoof, usdc: token } = yield* Solana
      const [a, b, other] = yield* Effect.all([
        chain.freshAddress,
        chain.freshAddress,
        chain.freshAddress
      ])
      const { done, range } = yield* during(
        Effect.gen(function* () {
          const one = { to: a, token, units: oneUsdc }
          const several = yield* chain.pay([
            one,
            { to: b, token: "SOL", units: 2n * oneSol },
            { to: a, token, units: 3n * oneUsdc },
            { to: other, token, units: oneUsdc },
            { to: b, token: feeToken, units: 100n * oneUsdc }
          ])
          yield* chain.pay([one, { to: b, token: "SOL", units: oneSol }], { fails: true })
          yield* chain.pay([{ to: a, token: spoof, units: oneUsdc }])
          yield* chain.pay([{ to: other, token: "SOL", units: oneSol }])
          const closed = yield* chain.payByClosing(a, oneSol)
          const recovered = yield* chain.payByProgram(token, oneUsdc)
          const last = yield* chain.pay([{ to: b, token: "SOL", units: 1n }])
          return { several, closed, recovered, last }
        })
      )
      const { closed, last, recovered, several } = done
      const open = yield* openScanner()
      // What a token account gets is its rent, or its owner's.
      const account = yield* chain.tokenAccountOf(token, a)
      const claims = yield* scanAndVerify(open, range, [a, b, recovered.owner, account])
      assert.sameDeepMembers(claims.slice(0, 3), [
        claim(several, a, "4"),
        claim(several, b, "2", sol),
        claim(several, b, "99", fee)
      ])
      assert.deepStrictEqual(claims.slice(3), [
        claim(closed, a, "1", sol),
        claim(recovered.tx_hash, recovered.owner, "1"),
        // The rent of the account of an account, which was not the owner's: SOL like any other.
        claim(recovered.tx_hash, recovered.owner, "0.00203928", sol),
        claim(last, b, "0.000000001", sol)
      ])
      assert.deepStrictEqual(yield* open.scanner.scan(range, new Set()), [])
    })
  )

  it.effect("claims word for word what a provider's webhook would claim", () =>
    Effect.gen(function* () {
      const { chain, feeToken, usdc: token } = yield* Solana
      const owner = yield* chain.freshAddress
      const account = yield* chain.openSecondAccount(token, owner)
      const { done, range } = yield* during(
        Effect.all([
          chain.pay([
            { to: owner, token, units: oneUsdc },
            { to: owner, token: "SOL", units: oneSol },
            { to: owner, token: feeToken, units: 3n }
          ]),
          chain.payInto(token, account, oneUsdc),
          chain.payByClosing(owner, oneSol),
          chain.sweep(token, owner, account),
          chain.pay([{ to: owner, token, units: oneUsdc }], { fails: true })
        ])
      )
      const config = yield* chainOf()
      const told = yield* Effect.forEach(done, (tx_hash) =>
        Effect.gen(function* () {
          const body = yield* answerTo("getTransaction", [tx_hash, asConfirmed])
          const balances = yield* Effect.fromResult(rawBalances(body, "$"))
          return (yield* Effect.fromResult(tell(config, balances))).transfers
        })
      )
      const claims = told
        .flat()
        .flatMap((one) => (one.claim.to_address === owner ? [one.claim] : []))
      assert.lengthOf(claims, 5)
      assert.sameDeepMembers(
        [...(yield* scanAndVerify(yield* openScanner(), range, [owner]))],
        claims
      )
    })
  )

  it.effect("includes the first and the last slot of the range, and no other", () =>
    Effect.gen(function* () {
      const { chain, usdc: token } = yield* Solana
      const to = yield* chain.freshAddress
      const pay = (units: bigint) => chain.pay([{ to, token, units }])
      const { done, range } = yield* during(
        Effect.forEach([1n, 2n, 3n, 4n], (whole) => pay(whole * oneUsdc))
      )
      const open = yield* openScanner()
      const scan = (from: number, until: number) => scanAndVerify(open, { from, to: until }, [to])
      const { from } = range
      const expected = done.map((tx_hash, index) => claim(tx_hash, to, `${index + 1}`))
      assert.deepStrictEqual(yield* scan(from, range.to), expected)
      assert.deepStrictEqual(yield* scan(from + 1, from + 2), expected.slice(1, 3))
      assert.deepStrictEqual(yield* scan(from + 1, from + 1), expected.slice(1, 2))
      assert.deepStrictEqual(yield* scan(from - 1, from - 1), [])
    })
  )

  it.effect("does not reach beyond the newest confirmed slot, which heads tells", () =>
    Effect.gen(function* () {
      const { chain, usdc: token } = yield* Solana
      const to = yield* chain.freshAddress
      yield* chain.finalize
      const final = yield* chain.slot("finalized")
      yield* chain.advance(3)
      yield* chain.confirm
      yield* chain.pay([{ to, token, units: oneUsdc }])
      const { scanner } = yield* openScanner()
      const latest = final + 3
      assert.deepStrictEqual(yield* scanner.heads, { latest, final })
      assert.deepStrictEqual(yield* scanner.scan({ from: final, to: latest }, new Set([to])), [])
      const beyond = scanner.scan({ from: final, to: latest + 1 }, new Set([to]))
      assert.strictEqual((yield* failureOf(beyond))._tag, "RpcFailure")
    })
  )

  it.effect("finds what came into any token account, though the owner is not named", () =>
    Effect.gen(function* () {
      const { chain, usdc: token } = yield* Solana
      const owner = yield* chain.freshAddress
      yield* chain.pay([{ to: owner, token, units: oneUsdc }])
      const first = yield* chain.tokenAccountOf(token, owner)
      const second = yield* chain.openSecondAccount(token, owner)
      yield* chain.openSecondAccount(wrappedSol, owner)
      const { done, range } = yield* during(
        Effect.forEach([first, second], (account) => chain.payInto(token, account, oneUsdc))
      )
      const open = yield* openScanner()
      const claims = yield* scanAndVerify(open, range, [owner])
      assert.deepStrictEqual(
        claims,
        done.map((tx_hash) => claim(tx_hash, owner, "1"))
      )
    })
  )

  it.effect("finds what came into an account that was closed since, and takes no rent for it", () =>
    Effect.gen(function* () {
      const { chain, usdc: token } = yield* Solana
      const owner = yield* chain.freshAddress
      const account = yield* chain.openSecondAccount(token, owner)
      const paid = yield* during(chain.payInto(token, account, oneUsdc))
      const swept = yield* during(chain.sweep(token, owner, account))
      const open = yield* openScanner()
      const expected = [claim(paid.done, owner, "1")]
      assert.deepStrictEqual(yield* scanAndVerify(open, paid.range, [owner]), expected)
      assert.deepStrictEqual(yield* scanAndVerify(open, swept.range, [owner]), [])
      const all = { from: paid.range.from, to: swept.range.to }
      assert.deepStrictEqual(yield* scanAndVerify(open, all, [owner]), expected)
    })
  )

  it.effect("turns pages until it is before the range, however many there are", () =>
    Effect.gen(function* () {
      const { chain, usdc: token } = yield* Solana
      const to = yield* chain.freshAddress
      yield* chain.pay([{ to, token, units: oneUsdc }])
      const account = yield* chain.tokenAccountOf(token, to)
      const count = 210
      const { done, range } = yield* during(
        Effect.forEach(Array.from({ length: count }), () => chain.payInto(token, account, 1n))
      )
      const { scanner } = yield* openScanner()
      const found = yield* scanner.scan(range, new Set([to]))
      assert.deepStrictEqual(
        claimsOf(found).map(({ tx_hash }) => tx_hash),
        done
      )
      const oldest = yield* scanner.scan({ from: range.from, to: range.from }, new Set([to]))
      assert.deepStrictEqual(claimsOf(oldest), claimsOf(found).slice(0, 1))
    })
  )

  it.effect("asks for many owners in several questions, and loses none", () =>
    Effect.gen(function* () {
      const { chain } = yield* Solana
      const owners = yield* Effect.forEach(Array.from({ length: 120 }), () => chain.freshAddress)
      const { range } = yield* during(
        Effect.forEach(owners, (to) => chain.pay([{ to, token: "SOL", units: oneSol }]))
      )
      const { scanner } = yield* openScanner()
      const found = claimsOf(yield* scanner.scan(range, new Set(owners)))
      assert.deepStrictEqual(
        found.map(({ to_address }) => to_address),
        owners
      )
    })
  )
})
