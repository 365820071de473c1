import { assert, describe, layer } from "@effect/vitest"
import { Effect, Schema } from "effect"
import type { ScannedTransfer } from "../../../src/chains/scanner.ts"
import type { ChainConfig, TokenConfig } from "../../../src/config/chain-config.ts"
import {
  type FrontCall,
  type FrontMode,
  type Rewritten,
  startRpcFront
} from "../../../src/demo/rpc-front.ts"
import { Amount } from "../../../src/domain/amount.ts"
import { Address } from "../../../src/domain/chain.ts"
import {
  chainOf,
  claimOf,
  depositAddress,
  eth,
  fee,
  LocalChain,
  oneEther,
  oneUsdc,
  openScanner,
  otherAddress,
  usdc,
  type ValidatorOptions
} from "../../support/anvil.ts"
import {
  announce,
  mint,
  mintCollectible,
  payInVain,
  splitNative,
  splitToken,
  transfer
} from "../../support/contracts.ts"
import { inTime } from "../../support/in-time.ts"
import { expectTag } from "../../support/verdicts.ts"

const amount = (text: string) => Amount.make(text)
const ours: ReadonlySet<Address> = new Set([depositAddress])
const addressOf = (index: number) =>
  Address.make(`0x${(0xf00000 + index).toString(16).padStart(40, "0")}`)
/** An answer that no client takes. */
const elevenMebibytes = "x".repeat(11 * 1024 * 1024)

const onlyTokens = (chain: ChainConfig, tag: TokenConfig["_tag"]): ChainConfig => ({
  ...chain,
  tokens: new Map([...chain.tokens].filter(([, { _tag }]) => _tag === tag))
})

/** A scanner whose only endpoint is a front. */
const behindFront = (options: ValidatorOptions & { readonly tag?: TokenConfig["_tag"] } = {}) =>
  Effect.gen(function* () {
    const { anvil } = yield* LocalChain
    const front = yield* startRpcFront(anvil.url)
    const chain = yield* chainOf({ ...options, urls: [front.url, ...(options.urls ?? [])] })
    const { scanner } = yield* openScanner(
      options.tag === undefined ? chain : onlyTokens(chain, options.tag)
    )
    return { front, scanner }
  })

const rewriting = (rewrite: (call: FrontCall) => Rewritten | undefined): FrontMode => ({
  _tag: "Rewrite",
  rewrite
})

const isMethod = (method: string) => (call: FrontCall) => call.method === method
const isLogs = isMethod("eth_getLogs")
const isFullBlock = ({ method, params }: FrontCall) =>
  method === "eth_getBlockByNumber" && params[1] === true

const decodeFilter = Schema.decodeUnknownSync(
  Schema.Tuple([Schema.Struct({ fromBlock: Schema.String, toBlock: Schema.String })])
)
const blocksOf = ({ params }: FrontCall): number => {
  const [{ fromBlock, toBlock }] = decodeFilter(params)
  return Number(toBlock) - Number(fromBlock) + 1
}

/** As nodes do that read no more than so many blocks at once. */
const refusing = (maxBlocks: number, error: { code: number; message: string }): FrontMode =>
  rewriting((call) => (isLogs(call) && blocksOf(call) > maxBlocks ? { error } : undefined))

const claimsOf = (found: ReadonlyArray<ScannedTransfer>) => found.map(({ claim }) => claim)
const hashesOf = (found: ReadonlyArray<ScannedTransfer>) => found.map(({ claim }) => claim.tx_hash)

const payUsdc = (to: Address = depositAddress, units = oneUsdc) =>
  Effect.gen(function* () {
    const { anvil, depositor, usdc: contract } = yield* LocalChain
    return yield* anvil.send({ from: depositor, to: contract, data: transfer(to, units) })
  })
const payEther = (to: Address = depositAddress) =>
  Effect.gen(function* () {
    const { anvil, depositor } = yield* LocalChain
    return yield* anvil.send({ from: depositor, to, wei: oneEther })
  })

/** The range of the blocks that this adds to the chain. */
const blocksWith = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const { anvil } = yield* LocalChain
    const from = (yield* anvil.blockNumber) + 1
    const made = yield* effect
    return { made, range: { from, to: yield* anvil.blockNumber } }
  })

/** Deposits in the first, the fourth and the eighth of as many blocks. */
const scattered = Effect.gen(function* () {
  const { anvil } = yield* LocalChain
  const first = yield* payUsdc()
  yield* anvil.mine(2)
  const second = yield* payUsdc()
  yield* anvil.mine(3)
  return [first, second, yield* payUsdc()]
})

layer(LocalChain.layer, { timeout: "60 seconds" })("a scan of an EVM chain", (it) => {
  describe("finds", () => {
    it.effect(
      "each deposit of a configured token, as a claim that is then confirmed, and nothing else",
      () =>
        Effect.gen(function* () {
          const local = yield* LocalChain
          const { anvil, collectible, depositor, feeToken, splitter, spoof } = local
          const [, poor] = anvil.accounts
          const { scanner, validator } = yield* openScanner(yield* chainOf())
          const alsoOurs = addressOf(1)
          const refuses = addressOf(2)
          yield* anvil.rpc("anvil_setCode", [refuses, "0x60006000fd"])
          const send = (to: Address, data: `0x${string}`, from = depositor) =>
            anvil.send({ from, to, data })

          const { made, range } = yield* blocksWith(
            Effect.gen(function* () {
              const plain = yield* payUsdc()
              const native = yield* payEther()
              const taxed = yield* send(feeToken, transfer(alsoOurs, 100n * oneUsdc))
              const minted = yield* send(local.usdc, mint(depositAddress, 7n))
              const several = yield* send(
                splitter,
                splitToken(local.usdc, [
                  [depositAddress, 5n],
                  [otherAddress, 5n],
                  [depositAddress, 5n],
                  [alsoOurs, 6n]
                ])
              )
              // No deposits: reverted, to itself, of nothing, of other contracts, to others, undone.
              yield* send(local.usdc, transfer(depositAddress, oneUsdc), poor)
              yield* send(local.usdc, transfer(depositor, oneUsdc))
              yield* send(local.usdc, transfer(depositAddress, 0n))
              yield* send(spoof, announce(depositor, depositAddress, oneUsdc))
              yield* send(collectible, mintCollectible(depositAddress, oneUsdc))
              yield* payUsdc(otherAddress)
              yield* payEther(otherAddress)
              yield* payEther(refuses)
              yield* payEther(depositor)
              yield* anvil.send({
                from: depositor,
                to: splitter,
                wei: oneEther,
                data: payInVain(depositAddress)
              })
              return { plain, taxed, minted, several, native }
            })
          )
          const addresses = new Set([depositAddress, alsoOurs, refuses, depositor])
          const found = yield* scanner.scan(range, addresses)

          const { plain, taxed, minted, several, native } = made
          const five = { tx_hash: several, amount: amount("0.000005") }
          assert.deepStrictEqual(claimsOf(found), [
            claimOf({ tx_hash: plain, amount: amount("1"), transfer_index: 0 }),
            claimOf({ tx_hash: native, token: eth, amount: amount("1") }),
            claimOf({
              tx_hash: taxed,
              token: fee,
              amount: amount("99"),
              to_address: alsoOurs,
              transfer_index: 0
            }),
            claimOf({ tx_hash: minted, amount: amount("0.000007"), transfer_index: 0 }),
            claimOf({ ...five, transfer_index: 0 }),
            claimOf({ ...five, transfer_index: 2 }),
            claimOf({
              tx_hash: several,
              amount: amount("0.000006"),
              to_address: alsoOurs,
              transfer_index: 3
            })
          ])
          assert.deepStrictEqual(
            found.map(({ block_number }) => block_number - range.from),
            [0, 1, 2, 3, 4, 4, 4]
          )
          const chain = yield* chainOf()
          const identities = yield* Effect.forEach(found, ({ claim, block_number }) =>
            Effect.gen(function* () {
              const token = chain.tokens.get(claim.token)
              assert.isDefined(token)
              const verdict = expectTag(yield* validator.verify(claim, token), "Confirmed")
              assert.strictEqual(verdict.block_number, block_number)
              return `${verdict.identity.tx_hash} ${verdict.identity.transfer_index}`
            })
          )
          assert.strictEqual(
            new Set(identities).size,
            found.length,
            "each is a transfer of its own"
          )
        })
    )

    it.effect("tokens by their place in the block, behind those of other transactions", () =>
      Effect.gen(function* () {
        const { anvil } = yield* LocalChain
        const { scanner, validator } = yield* openScanner(yield* chainOf())
        const { made, range } = yield* blocksWith(
          Effect.gen(function* () {
            yield* anvil.setAutomine(false)
            yield* payUsdc(otherAddress)
            const second = yield* payUsdc()
            yield* anvil.mine(1)
            yield* anvil.setAutomine(true)
            return second
          })
        )
        const [one, ...others] = yield* scanner.scan(range, ours)

        assert.isEmpty(others)
        assert.isDefined(one)
        assert.deepStrictEqual(
          one.claim,
          claimOf({ tx_hash: made, amount: amount("1"), transfer_index: 1 })
        )
        const token = (yield* chainOf()).tokens.get(usdc)
        assert.isDefined(token)
        expectTag(yield* validator.verify(one.claim, token), "Confirmed")
      })
    )

    it.effect("no native value that moves inside of a contract call", () =>
      Effect.gen(function* () {
        const { anvil, depositor, splitter } = yield* LocalChain
        const { scanner } = yield* openScanner(yield* chainOf())
        const data = splitNative([[depositAddress, oneEther]])
        const { range } = yield* blocksWith(
          anvil.send({ from: depositor, to: splitter, wei: oneEther, data })
        )
        assert.isEmpty(yield* scanner.scan(range, ours))
      })
    )

    it.effect("what is in the first and in the last block of the range, and not beyond them", () =>
      Effect.gen(function* () {
        const { scanner } = yield* openScanner(yield* chainOf())
        const pay = Effect.all([payUsdc(), payEther()])
        const { made, range } = yield* blocksWith(Effect.all([pay, pay, pay]))
        const [, inside] = made

        const found = yield* scanner.scan({ from: range.from + 2, to: range.from + 3 }, ours)
        assert.deepStrictEqual(hashesOf(found), inside)
        const [usdcOnly] = inside
        const one = yield* scanner.scan({ from: range.from + 2, to: range.from + 2 }, ours)
        assert.deepStrictEqual(hashesOf(one), [usdcOnly])
      })
    )

    it.effect("native deposits in each of many blocks", () =>
      Effect.gen(function* () {
        const { scanner } = yield* behindFront({ tag: "Native" })
        const many = Array.from({ length: 20 }, () => payEther())
        const { made, range } = yield* blocksWith(Effect.all(many))
        assert.deepStrictEqual(hashesOf(yield* scanner.scan(range, ours)), made)
      })
    )

    it.effect("deposits to hundreds of addresses, and to more than fit into a filter", () =>
      Effect.gen(function* () {
        const { front, scanner } = yield* behindFront({ tag: "Contract" })
        const { made, range } = yield* blocksWith(
          Effect.forEach([500, 250, 249, 0, 501], (index) => payUsdc(addressOf(index)))
        )
        const [at500, at250, ...others] = made
        const [at249, at0] = others
        const scanFor = (count: number) =>
          Effect.gen(function* () {
            const before = yield* front.calls("eth_getLogs")
            const watched = Array.from({ length: count }, (_, index) => addressOf(index))
            const found = yield* scanner.scan(range, new Set(watched))
            const calls = (yield* front.calls("eth_getLogs")) - before
            return { hashes: hashesOf(found), calls }
          })

        assert.deepStrictEqual(yield* scanFor(250), { hashes: [at249, at0], calls: 3 })
        assert.deepStrictEqual(yield* scanFor(500), { hashes: [at250, at249, at0], calls: 5 })
        const all = [at500, at250, at249, at0]
        assert.deepStrictEqual(yield* scanFor(501), { hashes: all, calls: 1 })
      })
    )

    it.effect("nothing where nobody is looked for, and asks no endpoint", () =>
      Effect.gen(function* () {
        const { front, scanner } = yield* behindFront()
        assert.isEmpty(yield* scanner.scan({ from: 0, to: 1 }, new Set()))
        assert.strictEqual(yield* front.requests, 0)
      })
    )
  })

  describe("asks", () => {
    it.effect("for whole blocks only where a native coin is configured, and is shorter then", () =>
      Effect.gen(function* () {
        const { range } = yield* blocksWith(Effect.all([payUsdc(), payEther()]))
        const ofTokens = yield* behindFront({ tag: "Contract" })
        const ofCoin = yield* behindFront({ tag: "Native" })

        const tokens = yield* ofTokens.scanner.scan(range, ours)
        const coins = yield* ofCoin.scanner.scan(range, ours)

        assert.deepStrictEqual(
          claimsOf(tokens).map(({ token }) => token),
          [usdc]
        )
        assert.strictEqual(yield* ofTokens.front.calls("eth_getBlockByNumber"), 1)
        assert.deepStrictEqual(
          claimsOf(coins).map(({ token }) => token),
          [eth]
        )
        assert.strictEqual(yield* ofCoin.front.calls("eth_getLogs"), 0)
        assert.strictEqual(yield* ofCoin.front.calls("eth_getTransactionReceipt"), 1)
        assert.isBelow(ofCoin.scanner.maxBlocks, ofTokens.scanner.maxBlocks)
      })
    )

    it.effect("for nothing but transfers of the configured tokens to the addresses", () =>
      Effect.gen(function* () {
        const { feeToken, usdc: contract } = yield* LocalChain
        const { front, scanner } = yield* behindFront({ tag: "Contract" })
        const asked: Array<unknown> = []
        yield* front.setMode(
          rewriting((call) => {
            if (isLogs(call)) asked.push(...call.params)
            return undefined
          })
        )
        yield* scanner.scan({ from: 1, to: 3 }, new Set([depositAddress, otherAddress]))
        assert.deepStrictEqual(asked, [
          {
            fromBlock: "0x1",
            toBlock: "0x3",
            address: [contract, feeToken],
            topics: [transferTopic, null, [wordOf(depositAddress), wordOf(otherAddress)]]
          }
        ])
      })
    )

    it.effect("for smaller ranges when a node refuses one, until all was read", () =>
      Effect.gen(function* () {
        const { front, scanner } = yield* behindFront({ tag: "Contract" })
        const { made, range } = yield* blocksWith(scattered)
        yield* front.setMode(refusing(2, { code: -32005, message: "limit exceeded" }))

        assert.deepStrictEqual(hashesOf(yield* scanner.scan(range, ours)), made)
        const calls = yield* front.calls("eth_getLogs")
        assert.strictEqual(calls, 2 + 4, "8 and 4 blocks are refused, 4 times 2 are read")

        assert.deepStrictEqual(hashesOf(yield* scanner.scan(range, ours)), made)
        assert.strictEqual(yield* front.calls("eth_getLogs"), calls + 1 + 4, "it remembers")
      })
    )

    it.effect("down to single blocks, also where the range is no power of two", () =>
      Effect.gen(function* () {
        const { front, scanner } = yield* behindFront({ tag: "Contract" })
        const { made, range } = yield* blocksWith(scattered)
        yield* front.setMode(refusing(1, { code: -32602, message: "block range too large" }))

        const found = yield* scanner.scan({ from: range.from - 5, to: range.to }, ours)
        assert.deepStrictEqual(hashesOf(found).slice(-3), made)
      })
    )

    it.effect(
      "for smaller ranges when an answer is too large, without blame for the endpoint",
      () =>
        Effect.gen(function* () {
          const { front, scanner } = yield* behindFront({ tag: "Contract", threshold: 1 })
          const { made, range } = yield* blocksWith(scattered)
          yield* front.setMode(
            rewriting((call) =>
              isLogs(call) && blocksOf(call) > 4 ? { result: [elevenMebibytes] } : undefined
            )
          )
          assert.deepStrictEqual(hashesOf(yield* scanner.scan(range, ours)), made)
        })
    )

    it.effect("no more than a few times for one block that is refused, and fails", () =>
      Effect.gen(function* () {
        const { front, scanner } = yield* behindFront({ tag: "Contract" })
        const { range } = yield* blocksWith(scattered)
        const failWith = (code: number) =>
          Effect.gen(function* () {
            yield* front.setMode(refusing(0, { code, message: "limit exceeded" }))
            return yield* inTime(Effect.flip(scanner.scan(range, ours)))
          })

        assert.strictEqual((yield* failWith(-32602))._tag, "RpcRefused")
        assert.strictEqual((yield* failWith(-32005))._tag, "RpcFailure")
        assert.isBelow(yield* front.calls("eth_getLogs"), 15)
      })
    )

    it.effect("no smaller range of a node that has had too many calls", () =>
      Effect.gen(function* () {
        const { anvil } = yield* LocalChain
        const { front, scanner } = yield* behindFront({ tag: "Contract", urls: [anvil.url] })
        const { made, range } = yield* blocksWith(scattered)
        yield* front.setMode(
          refusing(0, {
            code: -32005,
            message: "daily request count exceeded, request rate limited"
          })
        )
        assert.deepStrictEqual(hashesOf(yield* scanner.scan(range, ours)), made)
        assert.strictEqual(yield* front.calls("eth_getLogs"), 1, "the other endpoint was asked")
      })
    )

    it.effect("for half as many blocks after a failure, which may have been too much work", () =>
      Effect.gen(function* () {
        const { front, scanner } = yield* behindFront({ tag: "Contract" })
        const { made, range } = yield* blocksWith(scattered)
        yield* front.setMode(
          rewriting((call) => (isLogs(call) && blocksOf(call) > 4 ? "drop" : undefined))
        )
        const failure = yield* inTime(Effect.flip(scanner.scan(range, ours)))
        assert.strictEqual(failure._tag, "RpcFailure")
        assert.deepStrictEqual(hashesOf(yield* scanner.scan(range, ours)), made)
      })
    )

    it.effect("for each transaction of a block that is too large for one answer", () =>
      Effect.gen(function* () {
        const { anvil } = yield* LocalChain
        const { front, scanner } = yield* behindFront({ tag: "Native" })
        const { made, range } = yield* blocksWith(Effect.all([payEther(), payUsdc(), payEther()]))
        const [first, second, third] = made
        yield* front.setMode(
          rewriting((call) => (isFullBlock(call) ? { result: elevenMebibytes } : undefined))
        )
        assert.deepStrictEqual(hashesOf(yield* scanner.scan(range, ours)), [first, third])

        const another = yield* anvil.rpc("eth_getTransactionByHash", [second])
        const decoded = Schema.decodeUnknownSync(Schema.JsonObject)(another)
        yield* front.setMode(
          rewriting((call) => {
            if (isFullBlock(call)) return { result: elevenMebibytes }
            const isOfOurs = call.method === "eth_getTransactionByHash" && call.params[0] === first
            return isOfOurs ? { result: decoded } : undefined
          })
        )
        const failure = yield* inTime(Effect.flip(scanner.scan(range, ours)))
        assert.strictEqual(failure._tag, "RpcFailure", "never another transaction in its place")
      })
    )
  })

  describe("believes no endpoint", () => {
    /** As a node answers that is one block behind. */
    const behind = (newest: number): FrontMode =>
      rewriting((call) => {
        if (isLogs(call)) return { result: [] }
        if (call.method !== "eth_getBlockByNumber") return undefined
        const isLatest = call.params[0] === "latest"
        if (!isLatest) return Number(call.params[0]) > newest ? { result: null } : undefined
        const hash = `0x${"0".repeat(64)}`
        return { result: { number: `0x${newest.toString(16)}`, hash, timestamp: "0x1" } }
      })

    const cases = [
      ["tokens", "Contract", payUsdc()],
      ["the native coin", "Native", payEther()]
    ] as const
    for (const [what, tag, pay] of cases) {
      it.effect(`that does not have the last block yet, when it looks for ${what}`, () =>
        Effect.gen(function* () {
          const { anvil } = yield* LocalChain
          const alone = yield* behindFront({ tag })
          const first = yield* behindFront({ tag, urls: [anvil.url] })
          const { made, range } = yield* blocksWith(pay)
          yield* alone.front.setMode(behind(range.to - 1))
          yield* first.front.setMode(behind(range.to - 1))

          const failure = yield* inTime(Effect.flip(alone.scanner.scan(range, ours)))
          assert.strictEqual(failure._tag, "RpcFailure")
          assert.include(failure.message, `${range.to}`)
          assert.deepStrictEqual(hashesOf(yield* first.scanner.scan(range, ours)), [made])
        })
      )
    }

    const failing = Effect.fnUntraced(function* (
      rewrite: (call: FrontCall) => Rewritten | undefined
    ) {
      const { anvil } = yield* LocalChain
      const alone = yield* behindFront()
      const first = yield* behindFront({ urls: [anvil.url] })
      const { made, range } = yield* blocksWith(Effect.all([payUsdc(), payEther()]))
      yield* alone.front.setMode(rewriting(rewrite))
      yield* first.front.setMode(rewriting(rewrite))

      const failure = yield* inTime(Effect.flip(alone.scanner.scan(range, ours)))
      assert.strictEqual(failure._tag, "RpcFailure", failure.message)
      assert.deepStrictEqual(hashesOf(yield* first.scanner.scan(range, ours)), made)
    })

    interface About {
      /** Of ours, without its block. */
      readonly log: ReturnType<typeof logOf>
      /** The block that was asked for. */
      readonly number: string
    }
    const answers: ReadonlyArray<
      readonly [string, (call: FrontCall) => boolean, (about: About) => Schema.Json]
    > = [
      ["gives no list of logs", isLogs, () => null],
      ["gives logs that are none", isLogs, () => ["0x"]],
      [
        "gives a log of ours without its block",
        isLogs,
        ({ log }) => [{ ...log, blockNumber: null }]
      ],
      [
        "gives a log of ours from another block",
        isLogs,
        ({ log }) => [{ ...log, blockNumber: "0x0" }]
      ],
      ["gives no block", isFullBlock, () => null],
      ["gives another block", isFullBlock, () => ({ ...emptyBlock, number: "0x0" })],
      [
        "gives hashes instead of transactions",
        isFullBlock,
        ({ number }) => ({ ...emptyBlock, number, transactions: [anyHash] })
      ],
      ["gives no receipt", isMethod("eth_getTransactionReceipt"), () => null]
    ]
    for (const [what, isMeant, answer] of answers) {
      it.effect(`that ${what}, and asks the next`, () =>
        Effect.gen(function* () {
          const local = yield* LocalChain
          yield* failing((call) =>
            isMeant(call)
              ? { result: answer({ log: logOf(local), number: String(call.params[0]) }) }
              : undefined
          )
        })
      )
    }

    it.effect("whose receipts are from other blocks than its blocks", () =>
      Effect.gen(function* () {
        yield* failing(({ method, params }) =>
          method === "eth_getTransactionReceipt"
            ? { result: receiptInOtherBlock(params[0]) }
            : undefined
        )
      })
    )

    it.effect("whose transaction to one of the addresses is malformed", () =>
      Effect.gen(function* () {
        const { anvil } = yield* LocalChain
        const height = yield* anvil.blockNumber
        // Of the two blocks that are about to be made.
        yield* failing((call) =>
          isFullBlock(call) && Number(call.params[0]) > height
            ? {
                result: {
                  ...emptyBlock,
                  number: String(call.params[0]),
                  transactions: [{ to: depositAddress, value: "many" }]
                }
              }
            : undefined
        )
      })
    )
  })

  describe("goes on in spite of", () => {
    it.effect("logs of other contracts in whatever form, odd logs of ours, and removed ones", () =>
      Effect.gen(function* () {
        const local = yield* LocalChain
        const { front, scanner } = yield* behindFront({ tag: "Contract" })
        const { range } = yield* blocksWith(payUsdc())
        const blockNumber = `0x${range.to.toString(16)}`
        const real = { ...logOf(local), blockNumber }
        yield* front.setMode(
          rewriting((call) =>
            isLogs(call)
              ? {
                  result: [
                    { address: local.collectible, topics: "none" },
                    { ...real, data: "0x" },
                    { ...real, topics: [] },
                    { ...real, removed: true },
                    { ...real, data: `0x${"f".repeat(64)}` },
                    { ...real, removed: false, logIndex: "0x9" }
                  ]
                }
              : undefined
          )
        )
        const indexes = claimsOf(yield* scanner.scan(range, ours)).map((one) => one.transfer_index)
        assert.deepStrictEqual(indexes, [9])
      })
    )

    it.effect("transactions of a form of the chain's own, to whoever else", () =>
      Effect.gen(function* () {
        const { front, scanner } = yield* behindFront({ tag: "Native" })
        const { range } = yield* blocksWith(payEther())
        yield* front.setMode(
          rewriting((call) =>
            isFullBlock(call)
              ? {
                  result: {
                    ...emptyBlock,
                    number: String(call.params[0]),
                    transactions: [{ type: "0x7f" }, { to: null }, { to: otherAddress, value: -1 }]
                  }
                }
              : undefined
          )
        )
        assert.isEmpty(yield* scanner.scan(range, ours))
      })
    )
  })

  describe("knows its heads:", () => {
    it.effect("the newest block and the finalized one", () =>
      Effect.gen(function* () {
        const { anvil } = yield* LocalChain
        yield* anvil.mine(100)
        const { scanner } = yield* openScanner(yield* chainOf())
        const latest = yield* anvil.blockNumber
        assert.deepStrictEqual(yield* scanner.heads, { latest, final: latest - 64 })
      })
    )

    it.effect("without a finalized one, what is deeper than the operator's number", () =>
      Effect.gen(function* () {
        const { anvil } = yield* LocalChain
        const { front, scanner } = yield* behindFront({ confirmations: 12 })
        yield* front.setMode(
          rewriting(({ params }) =>
            params[0] === "finalized"
              ? { error: { code: -39001, message: "Unknown block" } }
              : undefined
          )
        )
        const latest = yield* anvil.blockNumber
        assert.deepStrictEqual(yield* scanner.heads, { latest, final: latest - 12 })
      })
    )

    it.effect("the finalized one that was seen last, while the endpoint does not know it", () =>
      Effect.gen(function* () {
        const { anvil } = yield* LocalChain
        const { front, scanner } = yield* behindFront()
        const before = yield* scanner.heads
        yield* anvil.mine(10)
        yield* front.setMode(
          rewriting(({ params }) => (params[0] === "finalized" ? { result: null } : undefined))
        )
        assert.deepStrictEqual(yield* scanner.heads, {
          latest: before.latest + 10,
          final: before.final
        })
      })
    )
  })
})

const transferTopic = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
const anyHash = `0x${"ab".repeat(32)}`
const emptyBlock = { hash: anyHash, timestamp: "0x1", transactions: [] }
const wordOf = (address: Address) => `0x${address.slice(2).padStart(64, "0")}`

/** A transfer of one USDC to the deposit address, as a node would tell it. */
const logOf = ({ usdc: address, depositor }: LocalChain["Service"]) => ({
  address,
  topics: [transferTopic, wordOf(depositor), wordOf(depositAddress)],
  data: `0x${oneUsdc.toString(16).padStart(64, "0")}`,
  logIndex: "0x0",
  transactionHash: anyHash
})

const receiptInOtherBlock = (hash: unknown) => ({
  transactionHash: String(hash),
  blockHash: anyHash,
  blockNumber: "0x1",
  status: "0x1",
  gasUsed: "0x5208",
  logs: []
})
