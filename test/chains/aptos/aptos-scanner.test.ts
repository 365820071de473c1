import { assert, describe, layer } from "@effect/vitest"
import { Effect, type Schema } from "effect"
import type { ScannedTransfer } from "../../../src/chains/scanner.ts"
import { type AptosAnswer, startAptosFront } from "../../../src/demo/aptos/aptos-front.ts"
import { freshAptosAddress, makeAptosLedger } from "../../../src/demo/aptos/aptos-ledger.ts"
import { Amount } from "../../../src/domain/amount.ts"
import type { Address } from "../../../src/domain/chain.ts"
import {
  AptosNode,
  type AptosScan,
  apt,
  aptCoin,
  aptMetadata,
  cent,
  centMetadata,
  claimOf,
  coinPayment,
  depositAddress,
  openAptosScanner,
  otherAddress,
  payment
} from "../../support/aptos.ts"
import { inTime } from "../../support/in-time.ts"
import { expectTag } from "../../support/verdicts.ts"

const watched: ReadonlySet<Address> = new Set([depositAddress])
const amount = (text: string) => Amount.make(text)

/** Scans what this commits, and one block before and after it. */
const scanned = <A>(commit: Effect.Effect<A, never, AptosNode>, addresses = watched) =>
  Effect.gen(function* () {
    const { ledger } = yield* AptosNode
    const scan = yield* openAptosScanner()
    yield* ledger.advance(1)
    const from = ledger.newest().height
    const committed = yield* commit
    const height = ledger.newest().height
    yield* ledger.advance(1)
    const found = yield* scan.scanner.scan({ from, to: height + 1 }, addresses)
    yield* allConfirmed(scan, found)
    return { committed, found, height }
  })

const allConfirmed = ({ verify }: AptosScan, found: ReadonlyArray<ScannedTransfer>) =>
  Effect.forEach(found, ({ block_number, claim }) =>
    Effect.map(verify(claim), (verdict) => {
      const confirmed = expectTag(verdict, "Confirmed")
      assert.strictEqual(confirmed.identity.transfer_index, `event:${claim.transfer_index}`)
      assert.strictEqual(confirmed.block_number, block_number)
    })
  )

const committing = (
  ...[transfers, options]: Parameters<AptosNode["Service"]["ledger"]["commit"]>
) => Effect.flatMap(AptosNode, ({ ledger }) => ledger.commit(transfers, options))

const claimsIn = (found: ReadonlyArray<ScannedTransfer>) => found.map(({ claim }) => claim)

layer(AptosNode.layer)("a scan of Aptos", (it) => {
  describe("finds", () => {
    it.effect("every deposit that a webhook would have told of, each with its place", () =>
      Effect.gen(function* () {
        const {
          committed: tx_hash,
          found,
          height
        } = yield* scanned(
          committing([
            payment(),
            payment({ to: otherAddress }),
            payment({ metadata: centMetadata, units: 7n }),
            payment({ metadata: aptMetadata, units: 3n }),
            coinPayment({ coin: aptCoin, units: 4n, tells: "modules" }),
            coinPayment({ units: 5n }),
            coinPayment({ units: 6n, tells: "both" })
          ])
        )
        assert.deepStrictEqual(claimsIn(found), [
          claimOf({ tx_hash, transfer_index: 1 }),
          claimOf({ tx_hash, token: cent, amount: amount("7"), transfer_index: 5 }),
          claimOf({ tx_hash, token: apt, amount: amount("0.00000003"), transfer_index: 7 }),
          claimOf({ tx_hash, token: apt, amount: amount("0.00000004"), transfer_index: 9 }),
          claimOf({ tx_hash, amount: amount("0.000005"), transfer_index: 11 }),
          claimOf({ tx_hash, amount: amount("0.000006"), transfer_index: 14 })
        ])
        assert.deepStrictEqual(
          new Set(found.map(({ block_number }) => block_number)),
          new Set([height])
        )
      })
    )

    it.effect("two identical deposits of one transaction, which only their places tell apart", () =>
      Effect.gen(function* () {
        const { committed: tx_hash, found } = yield* scanned(committing([payment(), payment()]))
        assert.deepStrictEqual(
          claimsIn(found),
          [1, 3].map((transfer_index) => claimOf({ tx_hash, transfer_index }))
        )
      })
    )

    it.effect("the deposits of each address of many, and no other's", () =>
      Effect.gen(function* () {
        const many = new Set(Array.from({ length: 1_000 }, freshAptosAddress))
        const [first = otherAddress] = many
        const addresses = new Set([...many, depositAddress])
        const { committed: tx_hash, found } = yield* scanned(
          committing([payment({ to: first }), payment({ to: otherAddress }), payment()]),
          addresses
        )
        assert.deepStrictEqual(claimsIn(found), [
          claimOf({ tx_hash, to_address: first, transfer_index: 1 }),
          claimOf({ tx_hash, transfer_index: 5 })
        ])
      })
    )

    it.effect("a deposit into a store that the node's changes do not show", () =>
      Effect.gen(function* () {
        const { front } = yield* AptosNode
        const { committed: tx_hash, found } = yield* scanned(
          committing([payment(), payment({ to: otherAddress })], { isTerse: true })
        )
        assert.deepStrictEqual(claimsIn(found), [claimOf({ tx_hash, transfer_index: 1 })])

        const before = (yield* front.targets).length
        yield* scanned(committing([payment({ to: otherAddress })], { isTerse: true }))
        const asked = (yield* front.targets).slice(before)
        assert.deepStrictEqual(
          asked.filter((target) => target.includes("/accounts/")),
          [],
          "whose store it is was asked for, though it is none of ours"
        )
      })
    )

    it.effect("a deposit among more stores than are asked for", () =>
      Effect.gen(function* () {
        const { ledger } = yield* AptosNode
        const { scanner } = yield* openAptosScanner()
        const others = Array.from({ length: 20 }, () => payment({ to: freshAptosAddress() }))
        const tx_hash = yield* ledger.commit([...others, payment()], { isTerse: true })
        const { height } = ledger.newest()
        assert.deepStrictEqual(yield* scanner.scan({ from: height, to: height }, watched), [
          { block_number: height, claim: claimOf({ tx_hash, transfer_index: 41 }) }
        ])
      })
    )

    it.effect("all deposits of a block with more transactions than a page has", () =>
      Effect.gen(function* () {
        const { front, ledger } = yield* AptosNode
        const before = (yield* front.targets).length
        const { committed: hashes, found } = yield* scanned(
          ledger.commitTogether(Array.from({ length: 230 }, () => [payment()]))
        )
        assert.deepStrictEqual(
          claimsIn(found),
          hashes.map((tx_hash) => claimOf({ tx_hash, transfer_index: 1 }))
        )
        const pages = (yield* front.targets)
          .slice(before)
          .filter((target) => target.includes("/transactions?"))
        assert.lengthOf(pages, 2)
      })
    )
  })

  describe("leaves out", () => {
    it.effect("what is no deposit of ours, or would not be credited", () =>
      Effect.gen(function* () {
        const { found } = yield* scanned(
          Effect.all([
            committing([payment()], { failure: "Move abort: EINSUFFICIENT_BALANCE" }),
            committing([payment({ metadata: freshAptosAddress() })]),
            committing([coinPayment({ coin: "0xbad::asset::USDC", tells: "both" })]),
            committing([payment({ to: otherAddress })]),
            committing([payment({ store: freshAptosAddress() })]),
            committing([payment({ store: freshAptosAddress() })], { isTerse: true }),
            committing([payment({ from: depositAddress })]),
            committing([coinPayment({ from: depositAddress, tells: "both" })]),
            committing([
              coinPayment({ from: depositAddress, to: otherAddress, tells: "modules" }),
              payment()
            ]),
            committing([payment({ units: 0n })]),
            committing([payment({ metadata: centMetadata, units: 2n ** 64n - 1n })])
          ])
        )
        assert.deepStrictEqual(found, [])
      })
    )

    it.effect("what the node shows of a transaction that failed", () =>
      Effect.gen(function* () {
        const { front } = yield* AptosNode
        yield* rewritingBlocks((block) => ofTransactions(block, { success: false }))
        const { found } = yield* scanned(committing([payment()])).pipe(
          Effect.ensuring(front.setMode({ _tag: "Answer" }))
        )
        assert.deepStrictEqual(found, [])
      })
    )

    it.effect("nothing else because a foreign contract emits strange events beside it", () =>
      Effect.gen(function* () {
        const { front } = yield* AptosNode
        const strange = [
          { type: "0xbad::fungible_asset::Deposit", data: { store: 7, amount: null } },
          { type: "0xbad::x::Y<vector<u8>, 0x1::string::String>", data: "text" },
          { type: "", data: null }
        ].map((event) => ({
          guid: { creation_number: "0", account_address: "0x0" },
          sequence_number: "0",
          ...event
        }))
        yield* rewritingBlocks((block) => ({
          ...block,
          transactions: block.transactions.map((transaction) =>
            transaction.type === "user_transaction"
              ? {
                  ...transaction,
                  events: [...(transaction.events as Array<Schema.Json>), ...strange]
                }
              : { ...transaction, type: "something_new_transaction" }
          )
        }))
        const { committed: tx_hash, found } = yield* scanned(committing([payment()])).pipe(
          Effect.ensuring(front.setMode({ _tag: "Answer" }))
        )
        assert.deepStrictEqual(claimsIn(found), [claimOf({ tx_hash, transfer_index: 1 })])
      })
    )
  })

  it.effect("takes in the first and the last block of its range, and no other", () =>
    Effect.gen(function* () {
      const { ledger } = yield* AptosNode
      const { scanner } = yield* openAptosScanner()
      const from = ledger.newest().height + 2
      const hashes = yield* Effect.all(Array.from({ length: 27 }, () => ledger.commit([payment()])))
      const expected = hashes.map((tx_hash, place) => ({
        block_number: from - 1 + place,
        claim: claimOf({ tx_hash, transfer_index: 1 })
      }))

      const to = from + 24
      assert.deepStrictEqual(yield* scanner.scan({ from, to }, watched), expected.slice(1, -1))
      assert.deepStrictEqual(yield* scanner.scan({ from: to, to }, watched), expected.slice(-2, -1))
      assert.isAtLeast(scanner.maxBlocks, 25)
    })
  )

  it.effect("holds the newest block for final, as what is committed is", () =>
    Effect.gen(function* () {
      const { ledger } = yield* AptosNode
      const { scanner } = yield* openAptosScanner()
      yield* ledger.commit([payment()])
      const { height } = ledger.newest()
      assert.deepStrictEqual(yield* scanner.heads, { latest: height, final: height })
    })
  )

  describe("is answered by another endpoint", () => {
    it.effect("where the first has not the last block yet", () =>
      Effect.gen(function* () {
        const { front, ledger } = yield* AptosNode
        const lagging = yield* startAptosFront(makeAptosLedger())
        const { scanner } = yield* openAptosScanner({ urls: [lagging.url, front.url] })
        const tx_hash = yield* ledger.commit([payment()])
        const { height } = ledger.newest()
        const found = yield* scanner.scan({ from: height, to: height }, watched)
        assert.deepStrictEqual(claimsIn(found), [claimOf({ tx_hash, transfer_index: 1 })])
      })
    )

    it.effect("where the first has forgotten the first block", () =>
      Effect.gen(function* () {
        const { front, ledger } = yield* AptosNode
        const forgetful = makeAptosLedger()
        yield* forgetful.advance(ledger.newest().height + 3)
        forgetful.prune(forgetful.newest().firstVersion)
        const pruned = yield* startAptosFront(forgetful)
        const { scanner } = yield* openAptosScanner({ urls: [pruned.url, front.url] })
        const tx_hash = yield* ledger.commit([payment()])
        const { height } = ledger.newest()
        const found = yield* scanner.scan({ from: height, to: height }, watched)
        assert.deepStrictEqual(claimsIn(found), [claimOf({ tx_hash, transfer_index: 1 })])
        const asked = yield* pruned.targets
        assert.isFalse(asked.some((target) => target.includes("/blocks/")))
      })
    )

    it.effect("where the first gives a malformed block", () =>
      Effect.gen(function* () {
        const { front, ledger } = yield* AptosNode
        const strange = yield* startAptosFront(ledger)
        yield* strange.setMode({
          _tag: "Rewrite",
          rewrite: (path, answer) => (isBlock(path, answer) ? { status: 200, body: {} } : undefined)
        })
        const { scanner } = yield* openAptosScanner({ urls: [strange.url, front.url] })
        const tx_hash = yield* ledger.commit([payment()])
        const { height } = ledger.newest()
        const found = yield* scanner.scan({ from: height, to: height }, watched)
        assert.deepStrictEqual(claimsIn(found), [claimOf({ tx_hash, transfer_index: 1 })])
      })
    )

    it.effect("where the first fails in the middle", () =>
      Effect.gen(function* () {
        const { front, ledger } = yield* AptosNode
        const failing = yield* startAptosFront(ledger)
        const { scanner } = yield* openAptosScanner({ urls: [failing.url, front.url] })
        const from = ledger.newest().height + 1
        const hashes = yield* Effect.all(
          Array.from({ length: 25 }, () => ledger.commit([payment()]))
        )
        yield* failing.setMode({
          _tag: "Rewrite",
          rewrite: (path) =>
            path.endsWith(`/${from + 12}`)
              ? { status: 500, body: { message: "oops", error_code: "internal_error" } }
              : undefined
        })
        const found = yield* scanner.scan({ from, to: from + 24 }, watched)
        assert.deepStrictEqual(
          claimsIn(found),
          hashes.map((tx_hash) => claimOf({ tx_hash, transfer_index: 1 }))
        )
      })
    )
  })

  describe("fails, and does not say that there is nothing,", () => {
    it.effect("where no endpoint has the last block, or the first any more", () =>
      Effect.gen(function* () {
        const ledger = makeAptosLedger()
        const front = yield* startAptosFront(ledger)
        yield* ledger.advance(9)
        const { scanner } = yield* openAptosScanner({ urls: [front.url] })
        const failureOf = (from: number, to: number) =>
          inTime(Effect.flip(scanner.scan({ from, to }, watched)))

        assert.match((yield* failureOf(8, 10)).message, /has blocks 0 to 9, and not all of 8 to 10/)
        ledger.prune(ledger.newest().firstVersion)
        assert.match((yield* failureOf(8, 9)).message, /has blocks 9 to 9, and not all of 8 to 9/)
        assert.deepStrictEqual(yield* scanner.scan({ from: 9, to: 9 }, watched), [])
      })
    )

    const spoilings: ReadonlyArray<readonly [string, (block: Block) => Schema.Json]> = [
      ["null", () => null],
      ["a block without its height", ({ block_height: _, ...rest }) => rest],
      ["another block", (block) => ({ ...block, block_height: "1" })],
      ["versions that are not those of its place", (block) => shifted(block, 1)],
      [
        "versions in the wrong order",
        (block) => ({
          ...block,
          first_version: block.last_version,
          last_version: block.first_version
        })
      ],
      ["an endless block", (block) => ({ ...block, last_version: "9007199254740991" })],
      [
        "a transaction too many",
        (block) => ({
          ...block,
          transactions: [
            ...block.transactions,
            { type: "block_epilogue_transaction", version: `${Number(block.last_version) + 1}` }
          ]
        })
      ],
      [
        "a block of no transactions",
        (block) => ({
          ...block,
          first_version: `${Number(block.last_version) + 1}`,
          transactions: []
        })
      ],
      [
        "a transaction left out",
        (block) => ({ ...block, transactions: block.transactions.slice(1) })
      ],
      ["a transaction of no type", (block) => ofTransactions(block, { type: "" })],
      ["a pending transaction", (block) => ofTransactions(block, { type: "pending_transaction" })],
      ["a transaction without events", (block) => ofTransactions(block, { events: null })],
      [
        "a transaction that says nothing of its success",
        (block) => ofTransactions(block, { success: "yes" })
      ],
      ["a transaction with a hash that is none", (block) => ofTransactions(block, { hash: "0x1" })],
      [
        "a deposit of an amount as a number",
        (block) =>
          ofTransactions(block, {
            events: [
              {
                guid: { creation_number: "0", account_address: "0x0" },
                type: "0x1::fungible_asset::Deposit",
                data: { store: otherAddress, amount: 1 }
              }
            ]
          })
      ]
    ]
    for (const [what, spoil] of spoilings) {
      it.effect(`where it is given ${what}`, () =>
        Effect.gen(function* () {
          const { front, ledger } = yield* AptosNode
          const { scanner } = yield* openAptosScanner()
          yield* ledger.commit([payment()])
          const { height } = ledger.newest()
          yield* ledger.advance(1)
          yield* rewritingBlocks((block) =>
            block.block_height === `${height}` ? spoil(block) : block
          )
          const error = yield* inTime(
            Effect.flip(scanner.scan({ from: height, to: height + 1 }, watched))
          ).pipe(Effect.ensuring(front.setMode({ _tag: "Answer" })))
          assert.strictEqual(error._tag, "RpcFailure")
        })
      )
    }

    it.effect("where a page is empty, repeats itself or is another one", () =>
      Effect.gen(function* () {
        const { front, ledger } = yield* AptosNode
        const { scanner } = yield* openAptosScanner()
        yield* ledger.commitTogether(Array.from({ length: 150 }, () => [payment()]))
        const { height } = ledger.newest()
        const spoiled: ReadonlyArray<(page: ReadonlyArray<Schema.Json>) => Schema.Json> = [
          () => [],
          (page) => [...page, ...page],
          (page) => page.slice(1),
          (page) => page.toReversed()
        ]
        for (const spoil of spoiled) {
          yield* front.setMode({
            _tag: "Rewrite",
            rewrite: (path, { body, status }) =>
              path === "/transactions"
                ? { status, body: spoil(body as ReadonlyArray<Schema.Json>) }
                : undefined
          })
          const error = yield* inTime(
            Effect.flip(scanner.scan({ from: height, to: height }, watched))
          ).pipe(Effect.ensuring(front.setMode({ _tag: "Answer" })))
          assert.strictEqual(error._tag, "RpcFailure")
        }
      })
    )
  })

  it.effect("reads a block that is too large for one answer in smaller pages, down to one", () =>
    Effect.gen(function* () {
      const { front, ledger } = yield* AptosNode
      const { scanner } = yield* openAptosScanner()
      const hashes = yield* ledger.commitTogether(Array.from({ length: 9 }, () => [payment()]))
      const { height } = ledger.newest()
      const refusingMoreThan = (most: number) =>
        front.setMode({
          _tag: "Rewrite",
          rewrite: (_path, { body, status }) => {
            const given = Array.isArray(body) ? body : ((body as Partial<Block>).transactions ?? [])
            return given.length > most ? { status, body: tooLarge } : undefined
          }
        })
      yield* refusingMoreThan(1)
      const found = yield* scanner.scan({ from: height, to: height }, watched)
      assert.deepStrictEqual(
        claimsIn(found),
        hashes.map((tx_hash) => claimOf({ tx_hash, transfer_index: 1 }))
      )

      yield* refusingMoreThan(0)
      const error = yield* Effect.flip(scanner.scan({ from: height, to: height }, watched)).pipe(
        Effect.ensuring(front.setMode({ _tag: "Answer" }))
      )
      assert.deepInclude(error, { _tag: "RpcFailure", about: "answer_size" })
    })
  )
})

/** More than a client takes. */
const tooLarge = "x".repeat(11_000_000)

type Block = Schema.JsonObject & {
  readonly block_height: string
  readonly first_version: string
  readonly last_version: string
  readonly transactions: ReadonlyArray<Schema.JsonObject>
}

const isBlock = (path: string, { status }: AptosAnswer): boolean =>
  status === 200 && path.startsWith("/blocks/by_height/")

const rewritingBlocks = (rewrite: (block: Block) => Schema.Json) =>
  Effect.flatMap(AptosNode, ({ front }) =>
    front.setMode({
      _tag: "Rewrite",
      rewrite: (path, answer) =>
        isBlock(path, answer)
          ? { status: answer.status, body: rewrite(answer.body as Block) }
          : undefined
    })
  )

/** Says this of each transaction of an account. */
const ofTransactions = (block: Block, part: Schema.JsonObject): Schema.Json => ({
  ...block,
  transactions: block.transactions.map((transaction) =>
    transaction.type === "user_transaction" ? { ...transaction, ...part } : transaction
  )
})

const shifted = (block: Block, by: number): Schema.Json => ({
  ...block,
  first_version: `${Number(block.first_version) + by}`,
  last_version: `${Number(block.last_version) + by}`,
  transactions: block.transactions.map((transaction) => ({
    ...transaction,
    version: `${Number(transaction.version) + by}`
  }))
})
