import { assert, describe, it } from "@effect/vitest"
import { Option, Schema } from "effect"
import * as fc from "fast-check"
import { Transaction } from "../../../src/chains/solana/answers.ts"
import { match } from "../../../src/chains/solana/matching.ts"
import type { TokenConfig } from "../../../src/config/chain-config.ts"
import { Amount } from "../../../src/domain/amount.ts"
import { Address, ChainName, TxHash } from "../../../src/domain/chain.ts"
import { TokenSymbol } from "../../../src/domain/ids.ts"
import type { TransferClaim } from "../../../src/domain/transfer.ts"
import { isHarmless, strangeAnswers } from "./strange-answers.ts"

/** 32 bytes that all are zero but for the last. */
const key = (last: string) => Address.make(`${"1".repeat(31)}${last}`)
const payer = key("2")
const owner = key("3")
const other = key("4")
const mint = key("5")
const spoof = key("6")
const account = (last: string) => key(last)

const hash = TxHash.make(`${"1".repeat(63)}2`)
const usdc: TokenConfig = { _tag: "Contract", contract: mint, decimals: 6 }
const sol: TokenConfig = { _tag: "Native", decimals: 9 }

const claim: TransferClaim = {
  chain: ChainName.make("solana"),
  tx_hash: hash,
  token: TokenSymbol.make("USDC"),
  amount: Amount.make("5"),
  to_address: owner,
  transfer_index: null
}

interface Entry {
  readonly account: Address
  readonly owner?: Address
  readonly mint?: Address
  readonly units: bigint
  readonly decimals?: number
}

interface Shown {
  readonly accounts?: ReadonlyArray<Address>
  readonly loaded?: ReadonlyArray<Address>
  readonly lamports?: readonly [ReadonlyArray<unknown>, ReadonlyArray<unknown>]
  readonly before?: ReadonlyArray<Entry>
  readonly after?: ReadonlyArray<Entry>
}

const accounts = [payer, owner, account("A"), account("B"), account("C"), account("D")]

/** A transaction as a node shows it. */
const shown = (what: Shown): Schema.Json => {
  const named = what.accounts ?? accounts
  const all = [...named, ...(what.loaded ?? [])]
  const [before, after] = what.lamports ?? [all.map(() => 1), all.map(() => 1)]
  const balance = (entry: Entry) => ({
    accountIndex: all.indexOf(entry.account),
    mint: entry.mint ?? mint,
    owner: entry.owner ?? owner,
    uiTokenAmount: { amount: entry.units.toString(), decimals: entry.decimals ?? 6 }
  })
  return Schema.decodeUnknownSync(Schema.Json)({
    slot: 5,
    blockTime: null,
    transaction: { signatures: [hash], message: { accountKeys: named } },
    meta: {
      err: null,
      preBalances: before,
      postBalances: after,
      preTokenBalances: (what.before ?? []).map(balance),
      postTokenBalances: (what.after ?? []).map(balance),
      loadedAddresses: { writable: what.loaded ?? [], readonly: [] }
    }
  })
}

const decode = Schema.decodeUnknownOption(Transaction)
const transaction = (what: Shown) => Schema.decodeUnknownSync(Transaction)(shown(what))

const reasonOf = (what: Shown, of = claim, token: TokenConfig = usdc): string => {
  const matched = match(of, token, transaction(what))
  return matched._tag === "Missing" ? matched.reason : "found"
}

const units = 5_000_000n

describe("the change of an owner's balance", () => {
  it("is summed over all of the owner's accounts of the mint", () => {
    const what: Shown = {
      before: [
        { account: account("A"), units: 10n * units },
        { account: account("B"), units: 7n }
      ],
      after: [
        { account: account("A"), units: 9n * units },
        { account: account("B"), units: 7n + units },
        { account: account("C"), units },
        { account: account("D"), mint: spoof, units: 99n }
      ]
    }
    const matched = match(claim, usdc, transaction(what))
    assert.strictEqual(matched._tag, "Found")
    if (matched._tag === "Found") {
      assert.strictEqual(matched.index, `token:${mint}:${owner}`)
      assert.strictEqual(matched.change.before, 10n * units + 7n)
      assert.strictEqual(matched.change.after, 11n * units + 7n)
      assert.strictEqual(matched.change.accounts.length, 3)
    }
  })

  it("that only moves between accounts of the owner brings nothing", () => {
    const what: Shown = {
      before: [{ account: account("A"), units }],
      after: [
        { account: account("A"), units: 0n },
        { account: account("B"), units }
      ]
    }
    assert.match(reasonOf(what), /nothing of USDC: it is no deposit/)
  })

  it("does not count an account that is closed as if it had been empty", () => {
    const what: Shown = {
      before: [{ account: account("A"), units }],
      after: [{ account: account("B"), units: 2n * units }]
    }
    assert.strictEqual(reasonOf(what), "found")
  })

  it("counts an account from when the owner has it, and not for who had it before", () => {
    const what: Shown = {
      before: [{ account: account("A"), owner: other, units }],
      after: [{ account: account("A"), units }]
    }
    assert.strictEqual(reasonOf(what), "found")
    const former = { ...claim, to_address: other }
    assert.match(reasonOf(what, former), /minus 5 of USDC: it is no deposit/)
  })

  it("is found in an account that a lookup table names", () => {
    const what: Shown = {
      accounts: [payer, owner],
      loaded: [account("A")],
      after: [{ account: account("A"), units }]
    }
    assert.strictEqual(reasonOf(what), "found")
  })

  it("is no deposit of a token whose decimals surehook.yaml has wrong", () => {
    const what: Shown = { after: [{ account: account("A"), units: 5_000_000_000n, decimals: 9 }] }
    assert.match(reasonOf(what), /USDC has 9 decimals on chain, but 6 in surehook.yaml/)
    const native = { ...claim, token: TokenSymbol.make("SOL") }
    const wrong: TokenConfig = { _tag: "Native", decimals: 18 }
    assert.match(reasonOf({}, native, wrong), /SOL has 9 decimals on chain, but 18/)
  })

  it("of another amount is no deposit, be it by the smallest unit", () => {
    for (const gain of [units - 1n, units + 1n, 10n * units]) {
      assert.match(
        reasonOf({ after: [{ account: account("A"), units: gain }] }),
        /USDC in total, not 5: all that one transaction brings/
      )
    }
  })

  it("is told with who else got the token, or that nobody did", () => {
    const elsewhere: Shown = {
      before: [{ account: account("B"), owner: payer, units }],
      after: [
        { account: account("A"), owner: other, units },
        { account: account("B"), owner: payer, units: 0n }
      ]
    }
    assert.match(reasonOf(elsewhere), new RegExp(`${owner} no USDC, but ${other} 5$`))
    assert.match(reasonOf({}), /brings nobody any USDC/)
    assert.match(
      reasonOf({ after: [{ account: account("A"), mint: spoof, units }] }),
      new RegExp(`of the mint ${spoof}, not of ${mint}`)
    )
  })

  it("of lamports is that of the account itself, exact to the last", () => {
    const big = 2n ** 53n + 1n
    const native = { ...claim, token: TokenSymbol.make("SOL"), amount: Amount.make("0.000000001") }
    const lamports = (index: number) => [
      [7, big.toString(), 0, 0, 0, 0].map((one, at) => (at === index ? one : 0)),
      [7, (big + 1n).toString(), 0, 0, 0, 0].map((one, at) => (at === index ? one : 0))
    ]
    const [before = [], after = []] = lamports(1)
    const matched = match(native, sol, transaction({ lamports: [before, after] }))
    assert.deepInclude(matched, { _tag: "Found", index: `native:${owner}` })
    assert.match(reasonOf({ lamports: [after, before] }, native, sol), /minus 0.000000001 of SOL/)
    const stranger = { ...native, to_address: other }
    assert.match(reasonOf({ lamports: [before, after] }, stranger, sol), /does not touch/)
  })

  it("of lamports in an account of wrapped SOL is never a second deposit", () => {
    const what: Shown = {
      lamports: [accounts.map(() => 0), accounts.map((one) => (one === account("A") ? 5e9 : 0))],
      after: [{ account: account("A"), units: 5_000_000_000n, decimals: 9 }]
    }
    const toAccount = { ...claim, token: TokenSymbol.make("SOL"), to_address: account("A") }
    assert.match(
      reasonOf(what, toAccount, sol),
      new RegExp(`${account("A")} is a token account of ${owner}`)
    )
  })
})

describe("a transaction that does not hang together is malformed:", () => {
  const good: Shown = { after: [{ account: account("A"), units }] }
  const spoil = (path: string, value: unknown): Schema.Json => {
    const copy = JSON.parse(JSON.stringify(shown(good)))
    const keys = path.split(".")
    const last = keys.pop() ?? ""
    const place = keys.reduce((at, one) => at[one], copy)
    if (value === undefined) delete place[last]
    else place[last] = value
    return copy
  }
  const cases: ReadonlyArray<readonly [string, path: string, value: unknown]> = [
    ["no word of its success", "meta.err", undefined],
    ["no effects at all", "meta", null],
    ["no token balances before", "meta.preTokenBalances", undefined],
    ["no token balances after", "meta.postTokenBalances", null],
    ["a token account without an owner", "meta.postTokenBalances.0.owner", undefined],
    ["an owner that is no address", "meta.postTokenBalances.0.owner", "nobody"],
    ["an account that it does not name", "meta.postTokenBalances.0.accountIndex", 99],
    ["an amount below zero", "meta.postTokenBalances.0.uiTokenAmount.amount", "-5"],
    ["an amount that is a number", "meta.postTokenBalances.0.uiTokenAmount.amount", 5],
    ["an amount over u64", "meta.postTokenBalances.0.uiTokenAmount.amount", "18446744073709551616"],
    ["fewer balances than accounts", "meta.preBalances", [1]],
    ["a balance that was rounded", "meta.preBalances.0", 2 ** 53],
    ["an account twice", "transaction.message.accountKeys.1", payer],
    ["a slot below zero", "slot", -1]
  ]
  it("but the one that does is read", () => {
    assert.isTrue(Option.isSome(decode(shown(good))))
    const [balance] = transaction(good).meta.postTokenBalances
    assert.strictEqual(balance?.uiTokenAmount.amount, units)
  })
  for (const [what, path, value] of cases) {
    it(what, () => {
      assert.isTrue(Option.isNone(decode(spoil(path, value))))
    })
  }
  it("one account's balance twice, which would count double", () => {
    const entry = { account: account("A"), units }
    assert.isTrue(Option.isNone(decode(shown({ after: [entry, entry] }))))
  })
})

it("no answer that differs in what decides is taken for the deposit", () => {
  const real = shown({
    before: [{ account: account("A"), units: 3n }],
    after: [{ account: account("A"), units: 3n + units }]
  })
  fc.assert(
    fc.property(strangeAnswers(real), (answer) => {
      const decoded = decode(answer)
      return (
        Option.isNone(decoded) ||
        // Judged before a match is looked for: see the validator's own test.
        decoded.value.meta.err !== null ||
        decoded.value.slot !== 5 ||
        decoded.value.transaction.signatures[0] !== hash ||
        match(claim, usdc, decoded.value)._tag === "Missing" ||
        isHarmless(answer, real)
      )
    }),
    { numRuns: 500 }
  )
})
