/** Helius's webhooks, enhanced and raw: bodies in the shape that Helius documents. */
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Result, Schema } from "effect"
import type { ChainConfig, TokenConfig } from "../../../src/config/chain-config.ts"
import type { Mint } from "../../../src/demo/solana/instructions.ts"
import { Address } from "../../../src/domain/chain.ts"
import type { TokenSymbol } from "../../../src/domain/ids.ts"
import { helius } from "../../../src/ingest/providers/helius.ts"
import { tell } from "../../../src/ingest/providers/solana-balances.ts"
import { exactJson } from "../../../src/ingest/providers/solana-lamports.ts"
import { rawBalances } from "../../../src/ingest/providers/solana-transaction.ts"
import { chainName, openValidator, Solana, sol, usdc as usdcSymbol } from "../../support/solana.ts"
import { type ProviderCase, providerConformance } from "./conformance.ts"
import { chainsByName, newSignature, usdcOf } from "./fixtures.ts"
import {
  announced,
  brief,
  decodeWith,
  faultsOf,
  fee,
  type RawOptions,
  rawTransaction,
  reasons,
  someone,
  systemData,
  systemProgram,
  type TokenBalanceOf
} from "./solana-bodies.ts"

const usdc = usdcOf.solana
const rent = 2_039_280
const oneSol = 1_000_000_000

interface EnhancedOptions {
  readonly signature?: string
  readonly transactionError?: Schema.Json
  readonly accounts: ReadonlyArray<readonly [string, number]>
  /** Changes of token accounts, by the account's entry in `accountData`. */
  readonly tokens?: ReadonlyArray<{
    readonly account: string
    readonly owner: string
    readonly mint: string
    readonly change: string
  }>
  readonly tokenTransfers?: ReadonlyArray<Schema.JsonObject>
  readonly instructions?: ReadonlyArray<Schema.Json>
}

const enhanced = ({
  signature = newSignature(),
  transactionError = null,
  accounts,
  tokens = [],
  tokenTransfers = [],
  instructions = []
}: EnhancedOptions) => ({
  accountData: accounts.map(([account, nativeBalanceChange]) => ({
    account,
    nativeBalanceChange,
    tokenBalanceChanges: tokens
      .filter((token) => token.account === account)
      .map(({ change, mint, owner }) => ({
        mint,
        rawTokenAmount: { decimals: 6, tokenAmount: change },
        tokenAccount: account,
        userAccount: owner
      }))
  })),
  description: "",
  events: {},
  fee,
  feePayer: accounts[0]?.[0] ?? null,
  instructions: [...instructions],
  nativeTransfers: [],
  signature,
  slot: 362_636_341,
  source: "SYSTEM_PROGRAM",
  timestamp: 1_764_000_000,
  tokenTransfers: [...tokenTransfers],
  transactionError,
  type: "TRANSFER"
})

/** One payer gives 1.5 USDC to an owner with a new token account, and 2 SOL to a wallet. */
const parties = () => ({
  tx_hash: newSignature(),
  payer: someone(),
  source: someone(),
  owner: someone(),
  account: someone(),
  wallet: someone()
})
type Parties = ReturnType<typeof parties>

const claimsOf = ({ owner, tx_hash, wallet }: Parties) => {
  const claim = { chain: "solana", tx_hash, transfer_index: null }
  return [
    { ...claim, token: "USDC", amount: "1.5", to_address: owner },
    { ...claim, token: "SOL", amount: "2", to_address: wallet }
  ]
}

const enhancedOf = ({ account, owner, payer, source, tx_hash, wallet }: Parties) =>
  enhanced({
    signature: tx_hash,
    accounts: [
      [payer, -2 * oneSol - rent - fee],
      [source, 0],
      [account, rent],
      [wallet, 2 * oneSol]
    ],
    tokens: [
      { account: source, owner: payer, mint: usdc, change: "-1500000" },
      { account, owner, mint: usdc, change: "1500000" }
    ]
  })

const rawOf = ({ account, owner, payer, source, tx_hash, wallet }: Parties) =>
  rawTransaction({
    signature: tx_hash,
    accounts: [
      [payer, 9 * oneSol, 7 * oneSol - rent - fee],
      [source, rent, rent],
      [account, 0, rent],
      [wallet, oneSol, 3 * oneSol]
    ],
    tokens: [
      { account: source, owner: payer, mint: usdc, before: "9000000", after: "7500000" },
      { account, owner, mint: usdc, after: "1500000" }
    ]
  })

/** A call has transactions of one of the two shapes. This one has both, to try both at once. */
const heliusCase: ProviderCase = {
  provider: "helius",
  secrets: ["the-first-auth-header", "Bearer the-second-one"],
  wrongSecret: "the-auth-header-of-another",
  networks: { mainnet: "solana" },
  signsBody: false,
  sign: (_body, { secret }) => ({ authorization: secret }),
  sample: () => {
    const [one, other] = [parties(), parties()]
    return {
      body: [enhancedOf(one), rawOf(other)],
      transfers: [...claimsOf(one), ...claimsOf(other)]
    }
  },
  required: [
    "[0].signature",
    "[0].accountData",
    "[0].accountData[0].account",
    "[0].accountData[0].nativeBalanceChange",
    "[0].accountData[0].tokenBalanceChanges",
    "[0].accountData[1].tokenBalanceChanges[0].userAccount",
    "[0].accountData[1].tokenBalanceChanges[0].tokenAccount",
    "[0].accountData[1].tokenBalanceChanges[0].mint",
    "[0].accountData[1].tokenBalanceChanges[0].rawTokenAmount.tokenAmount",
    "[1].transaction.signatures",
    "[1].transaction.message.accountKeys",
    "[1].meta.err",
    "[1].meta.preBalances",
    "[1].meta.postBalances",
    "[1].meta.preTokenBalances",
    "[1].meta.postTokenBalances",
    "[1].meta.postTokenBalances[0].owner",
    "[1].meta.postTokenBalances[0].mint",
    "[1].meta.postTokenBalances[0].accountIndex",
    "[1].meta.postTokenBalances[0].uiTokenAmount.amount"
  ]
}

providerConformance(heliusCase)

const decode = (body: Schema.Json | Buffer, chains = chainsByName) =>
  decodeWith(helius, heliusCase, body, { chains })

const withoutDecimals = (chain: ChainConfig): ChainConfig => ({
  ...chain,
  tokens: new Map([...chain.tokens].map(([symbol, token]) => [symbol, { ...token, decimals: 0 }]))
})

const decodeEnhanced = (options: EnhancedOptions) =>
  Effect.map(decode([enhanced(options)]), announced)
const decodeRaw = (options: RawOptions) => Effect.map(decode([rawTransaction(options)]), announced)

describe("an enhanced transaction", () => {
  it.effect("is one claim of the sum where one owner gets two transfers of a mint", () =>
    Effect.gen(function* () {
      const [payer, first, second, owner, source] = [
        someone(),
        someone(),
        someone(),
        someone(),
        someone()
      ]
      const told = yield* decodeEnhanced({
        accounts: [
          [payer, -fee],
          [source, 0],
          [first, 0],
          [second, 0]
        ],
        tokens: [
          { account: source, owner: payer, mint: usdc, change: "-3500000" },
          { account: first, owner, mint: usdc, change: "1500000" },
          { account: second, owner, mint: usdc, change: "2000000" }
        ]
      })
      assert.deepStrictEqual(brief(told), [
        { token: "USDC", amount: "3.5", to: owner, from: payer }
      ])
      assert.strictEqual(told.transfers[0]?.claim.transfer_index, null)
      assert.strictEqual(told.transfers[0]?.path, "[0].accountData[2].tokenBalanceChanges[0]")
      assert.deepStrictEqual(reasons(told), ["outgoing"])
    })
  )

  it.effect("is believed for its whole units, and never for the float beside them", () =>
    Effect.gen(function* () {
      const [payer, account, owner] = [someone(), someone(), someone()]
      const told = yield* decodeEnhanced({
        accounts: [
          [payer, -fee],
          [account, 0]
        ],
        tokens: [{ account, owner, mint: usdc, change: "9007199254740993" }],
        tokenTransfers: [
          {
            fromUserAccount: payer,
            toUserAccount: someone(),
            toTokenAccount: account,
            mint: usdc,
            tokenAmount: 9007199254.740992,
            tokenStandard: "Fungible"
          }
        ]
      })
      assert.deepStrictEqual(brief(told), [
        { token: "USDC", amount: "9007199254.740993", to: owner, from: null }
      ])
    })
  )

  it.effect("makes nothing of lamports that a transfer asked for and that did not arrive", () =>
    Effect.gen(function* () {
      const [payer, wallet] = [someone(), someone()]
      const body = {
        ...enhanced({
          accounts: [
            [payer, -fee],
            [wallet, 0]
          ]
        }),
        nativeTransfers: [{ fromUserAccount: payer, toUserAccount: wallet, amount: 5 * oneSol }]
      }
      const told = announced(yield* decode([body]))
      assert.deepStrictEqual(brief(told), [])
      assert.deepStrictEqual(reasons(told), ["not_a_transfer"])
    })
  )

  it.effect("that failed on chain makes no claim, whatever balances it lists", () =>
    Effect.gen(function* () {
      const told = yield* decodeEnhanced({
        transactionError: { InstructionError: [0, { Custom: 1 }] },
        accounts: [
          [someone(), -oneSol],
          [someone(), oneSol]
        ]
      })
      assert.deepStrictEqual(brief(told), [])
      assert.deepStrictEqual(reasons(told), ["failed_transaction"])
    })
  )

  it.effect("is no deposit of the rent in a token account that it opens and leaves empty", () =>
    Effect.gen(function* () {
      const [payer, account, metadata, owner] = [someone(), someone(), someone(), someone()]
      const told = yield* decodeEnhanced({
        accounts: [
          [payer, -2 * rent - fee],
          [account, rent],
          [metadata, rent]
        ],
        instructions: [
          {
            accounts: [payer, account, owner],
            data: "",
            programId: "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL",
            innerInstructions: [
              {
                accounts: [payer, account],
                data: systemData(0, [BigInt(rent), 165n], [someone()]),
                programId: systemProgram
              },
              // A program that makes an account over which it was given lamports first.
              {
                accounts: [payer, metadata],
                data: systemData(2, [BigInt(rent)]),
                programId: systemProgram
              },
              { accounts: [metadata], data: systemData(8, [600n]), programId: systemProgram }
            ]
          }
        ]
      })
      assert.deepStrictEqual(brief(told), [])
      assert.deepStrictEqual(reasons(told), ["outgoing", "not_a_transfer", "not_a_transfer"])
    })
  )

  it.effect("calls an NFT so if the body does, but never a token of surehook.yaml", () =>
    Effect.gen(function* () {
      const [payer, one, two, three, owner] = [
        someone(),
        someone(),
        someone(),
        someone(),
        someone()
      ]
      const [nft, other] = [someone(), someone()]
      const told = yield* decodeEnhanced({
        accounts: [
          [payer, -fee],
          [one, 0],
          [two, 0],
          [three, 0]
        ],
        tokens: [
          { account: one, owner, mint: nft, change: "1" },
          { account: two, owner, mint: other, change: "1" },
          { account: three, owner, mint: usdc, change: "1" }
        ],
        tokenTransfers: [
          { mint: nft, tokenAmount: 1, tokenStandard: "ProgrammableNonFungible" },
          { mint: other, tokenAmount: 1, tokenStandard: "FungibleAsset" },
          { mint: usdc, tokenAmount: 0.000001, tokenStandard: "NonFungible" }
        ]
      })
      assert.deepStrictEqual(reasons(told), ["nft", "token_unknown"])
      assert.deepStrictEqual(
        brief(told).map(({ amount, token }) => [token, amount]),
        [["USDC", "0.000001"]]
      )
    })
  )

  it.effect("names no sender where two paid, and none for the fee", () =>
    Effect.gen(function* () {
      const [payer, one, two, wallet] = [someone(), someone(), someone(), someone()]
      const sentBy = (accounts: EnhancedOptions["accounts"]) =>
        Effect.map(decodeEnhanced({ accounts }), (told) => brief(told).map(({ from }) => from))
      assert.deepStrictEqual(
        yield* sentBy([
          [payer, -fee],
          [one, -oneSol],
          [wallet, oneSol]
        ]),
        [one]
      )
      assert.deepStrictEqual(
        yield* sentBy([
          [payer, -fee - 1],
          [one, -oneSol + 1],
          [wallet, oneSol]
        ]),
        [null]
      )
      assert.deepStrictEqual(
        yield* sentBy([
          [payer, -fee],
          [one, -oneSol],
          [two, -oneSol],
          [wallet, 2 * oneSol]
        ]),
        [null]
      )
    })
  )

  it.effect("tells of what only moved between accounts of one owner", () =>
    Effect.gen(function* () {
      const [payer, one, two] = [someone(), someone(), someone()]
      const told = yield* decodeEnhanced({
        accounts: [
          [payer, -fee],
          [one, 0],
          [two, 0]
        ],
        tokens: [
          { account: one, owner: payer, mint: usdc, change: "-5" },
          { account: two, owner: payer, mint: usdc, change: "5" }
        ]
      })
      assert.deepStrictEqual(brief(told), [])
      assert.deepStrictEqual(reasons(told), ["zero_amount"])
    })
  )
})

describe("a raw transaction", () => {
  const simple = (change: { readonly before: number; readonly after: number }) => {
    const [payer, wallet] = [someone(), someone()]
    return {
      wallet,
      body: rawTransaction({
        accounts: [
          [payer, 9 * oneSol, 9 * oneSol - fee],
          [wallet, change.before, change.after]
        ]
      })
    }
  }

  it.effect("is exact for lamports beyond 2^53, which JSON.parse rounds", () =>
    Effect.gen(function* () {
      const { body, wallet } = simple({ before: 1, after: 2 })
      const text = JSON.stringify([body])
        .replace(/("postBalances":\[\d+),2\]/, "$1,9007199254740995]")
        .replace(/("preBalances":\[\d+),1\]/, "$1,9007199254740992]")
      const told = announced(yield* decode(Buffer.from(text)))
      assert.deepStrictEqual(
        brief(told).map(({ amount, to }) => [amount, to]),
        [["0.000000003", wallet]]
      )
      assert.include(JSON.stringify(told.transfers[0]?.payload), "9007199254740995")
    })
  )

  it.effect("with lamports that are no whole number is refused", () =>
    Effect.gen(function* () {
      for (const wrong of [
        "1.5",
        "-2",
        "1e300",
        // Whole, but rounded by JSON.parse, and not written in digits.
        "9007199254740993e0",
        "123456789012345678901"
      ]) {
        const { body } = simple({ before: 1, after: 2 })
        const text = JSON.stringify([body]).replace(/("postBalances":\[\d+),2\]/, `$1,${wrong}]`)
        const faults = faultsOf(yield* decode(Buffer.from(text)))
        assert.deepStrictEqual(
          faults.map(({ path }) => path),
          ["[0].meta.postBalances[1]"],
          wrong
        )
      }
    })
  )

  it.effect("counts the accounts of lookup tables after its own, once", () =>
    Effect.gen(function* () {
      const [payer, wallet, vault] = [someone(), someone(), someone()]
      const body = rawTransaction({
        accounts: [
          [payer, 9 * oneSol, 7 * oneSol - fee],
          [vault, 5, 5],
          [wallet, 0, 2 * oneSol]
        ]
      })
      const { message } = body.transaction
      const looked = {
        ...body,
        transaction: {
          ...body.transaction,
          message: { ...message, accountKeys: [payer] }
        },
        meta: { ...body.meta, loadedAddresses: { writable: [vault], readonly: [wallet] } }
      }
      const parsed = {
        ...looked,
        transaction: {
          ...body.transaction,
          message: {
            ...message,
            accountKeys: [payer, vault, wallet].map((pubkey, index) => ({
              pubkey,
              signer: index === 0,
              source: index === 0 ? "transaction" : "lookupTable",
              writable: true
            }))
          }
        }
      }
      for (const item of [looked, parsed]) {
        const told = announced(yield* decode([item]))
        assert.deepStrictEqual(brief(told), [
          { token: "SOL", amount: "2", to: wallet, from: payer }
        ])
      }
    })
  )

  it.effect("whose balances do not fit its accounts is refused as a whole", () =>
    Effect.gen(function* () {
      const { body } = simple({ before: 0, after: oneSol })
      const { meta } = body
      const cases: ReadonlyArray<readonly [Schema.JsonObject, ReadonlyArray<string>]> = [
        [{ ...meta, preBalances: [1] }, ["[0].meta.preBalances"]],
        [{ ...meta, postBalances: [1, 2, 3] }, ["[0].meta.postBalances"]],
        [
          {
            ...meta,
            postTokenBalances: [
              { accountIndex: 2, mint: usdc, owner: someone(), uiTokenAmount: { amount: "1" } }
            ]
          },
          ["[0].meta.postTokenBalances[0].accountIndex"]
        ]
      ]
      for (const [changed, paths] of cases) {
        const faults = faultsOf(yield* decode([{ ...body, meta: changed }]))
        assert.deepStrictEqual(
          faults.map(({ path }) => path),
          paths
        )
      }
    })
  )

  it.effect("tells wallets from accounts that were made over to a program", () =>
    Effect.gen(function* () {
      const [payer, wallet, made, assigned] = [someone(), someone(), someone(), someone()]
      const program = someone()
      const accounts: RawOptions["accounts"] = [
        [payer, 9 * oneSol, 6 * oneSol - fee],
        [wallet, 0, oneSol],
        [made, 0, oneSol],
        [assigned, 0, oneSol],
        [systemProgram, 1, 1]
      ]
      const at = (data: string, ...indexes: ReadonlyArray<number>) => ({
        programIdIndex: 4,
        accounts: [...indexes],
        data
      })
      const info = (type: string, fields: Schema.JsonObject) => ({
        program: "system",
        programId: systemProgram,
        parsed: { type, info: fields }
      })
      const compiled = [
        at(systemData(0, [1n, 0n], [systemProgram]), 0, 1),
        at(systemData(0, [1n, 82n], [program]), 0, 2)
      ]
      const parsed = [
        info("createAccount", {
          source: payer,
          newAccount: wallet,
          owner: systemProgram,
          space: 0
        }),
        info("createAccount", { source: payer, newAccount: made, owner: program, space: 82 })
      ]
      const inside = [
        [at(systemData(1, [], [program]), 3)],
        [info("assign", { account: assigned, owner: program })]
      ]
      for (const instructions of [compiled, parsed]) {
        for (const inner of inside) {
          const told = yield* decodeRaw({ accounts, instructions, inner })
          assert.deepStrictEqual(
            brief(told).map(({ to }) => to),
            [wallet]
          )
          assert.deepStrictEqual(reasons(told), ["outgoing", "not_a_transfer", "not_a_transfer"])
        }
      }
      // Of another program, of a strange shape, or not base58: nothing is known, nothing is lost.
      const unread: ReadonlyArray<Schema.Json> = [
        { programIdIndex: 1, accounts: [0, 2], data: systemData(0, [1n, 82n], [program]) },
        at("0OIl", 0, 2),
        at("1".repeat(300), 0, 2),
        // Longer than any instruction of the System program.
        at(systemData(0, [1n, 82n], new Array<string>(8).fill(program)), 0, 2),
        at(systemData(0, [1n, 82n], [program]), 0, 99),
        null,
        7,
        info("createAccount", { newAccount: 5 }),
        { programId: systemProgram, parsed: "strange" }
      ]
      const told = yield* decodeRaw({ accounts, instructions: unread })
      assert.deepStrictEqual(
        brief(told).map(({ to }) => to),
        [wallet, made, assigned]
      )
    })
  )

  it.effect("credits who owns a token account afterwards, if it changed hands", () =>
    Effect.gen(function* () {
      const [payer, account, old, owner] = [someone(), someone(), someone(), someone()]
      const tokens: ReadonlyArray<TokenBalanceOf> = [
        { account, owner: old, mint: usdc, before: "7000000" },
        { account, owner, mint: usdc, after: "7000000" }
      ]
      const told = yield* decodeRaw({
        accounts: [
          [payer, oneSol, oneSol - fee],
          [account, rent, rent]
        ],
        tokens
      })
      assert.deepStrictEqual(brief(told), [{ token: "USDC", amount: "7", to: owner, from: old }])
    })
  )

  it.effect("is no deposit of what an owner gets back out of a token account of its own", () =>
    Effect.gen(function* () {
      const [payer, account, owner] = [someone(), someone(), someone()]
      const closedInto = (to: string, signer: string) =>
        decodeRaw({
          accounts: [
            [signer, oneSol, oneSol - fee],
            [account, rent + 7, 0],
            [to, oneSol, oneSol + rent + 7]
          ],
          tokens: [{ account, owner, mint: someone(), before: "0" }]
        })
      const own = yield* closedInto(owner, payer)
      assert.deepStrictEqual(brief(own), [])
      assert.deepStrictEqual(reasons(own), ["outgoing", "zero_amount"])

      const another = yield* closedInto(payer, someone())
      assert.deepStrictEqual(brief(another), [
        { token: "SOL", amount: "0.002039287", to: payer, from: owner }
      ])
    })
  )

  it.effect("is no deposit of the rent in the token account that it pays into", () =>
    Effect.gen(function* () {
      const seen = parties()
      const told = announced(yield* decode([rawOf(seen), enhancedOf(seen)]))
      assert.deepStrictEqual(
        brief(told).map(({ to, token }) => [token, to]),
        [
          ["USDC", seen.owner],
          ["SOL", seen.wallet],
          ["USDC", seen.owner],
          ["SOL", seen.wallet]
        ]
      )
      // Enhanced or raw, it is the same job.
      const [usdcOfRaw, solOfRaw, ...ofEnhanced] = told.transfers.map(({ claim }) => claim)
      assert.deepStrictEqual(ofEnhanced, [usdcOfRaw, solOfRaw])
    })
  )

  it.effect("is silent about token balances that stayed as they were", () =>
    Effect.gen(function* () {
      const [payer, account] = [someone(), someone()]
      const told = yield* decodeRaw({
        accounts: [
          [payer, oneSol, oneSol - fee],
          [account, rent, rent]
        ],
        tokens: [{ account, owner: payer, mint: usdc, before: "5", after: "5" }]
      })
      assert.deepStrictEqual(reasons(told), ["not_a_transfer"])
    })
  )

  it.effect("that failed makes no claim", () =>
    Effect.gen(function* () {
      const told = yield* decodeRaw({
        err: { InstructionError: [0, "InvalidArgument"] },
        accounts: [
          [someone(), 2 * oneSol, oneSol],
          [someone(), 0, oneSol]
        ]
      })
      assert.deepStrictEqual(reasons(told), ["failed_transaction"])
      assert.deepStrictEqual(brief(told), [])
    })
  )
})

describe("a source of Helius", () => {
  it.effect("that maps no network, several, or a chain of another family, says what to mend", () =>
    Effect.gen(function* () {
      const wrong: ReadonlyArray<Readonly<Record<string, string>>> = [
        {},
        { mainnet: "solana", devnet: "solana" },
        { mainnet: "ethereum" },
        { mainnet: "nowhere" }
      ]
      for (const networks of wrong) {
        const result = yield* decodeWith(
          helius,
          { ...heliusCase, networks },
          heliusCase.sample().body
        )
        const [fault] = faultsOf(result)
        assert.include(fault?.message, "exactly one entry in `networks`")
      }
    })
  )

  it.effect("takes an empty list for a test call", () =>
    Effect.gen(function* () {
      const told = announced(yield* decode([]))
      assert.deepStrictEqual(told, {
        message_id: null,
        transfers: [],
        ignored: [],
        is_test: true
      })
      assert.isFalse(announced(yield* decode(heliusCase.sample().body)).is_test)
    })
  )

  it.effect("answers a list of a hundred thousand mistakes with a few of them", () =>
    Effect.gen(function* () {
      const mistakes: ReadonlyArray<Schema.Json> = [
        new Array<number>(100_000).fill(0),
        new Array<Schema.Json>(100_000).fill({ transaction: {}, meta: {} }),
        [{ ...enhanced({ accounts: [] }), accountData: new Array<number>(200_000).fill(0) }]
      ]
      for (const body of mistakes) {
        assert.strictEqual(faultsOf(yield* decode(body)).length, 100)
      }
    })
  )

  it.effect("refuses an amount that does not fit instead of cutting it", () =>
    Effect.gen(function* () {
      const [account, owner] = [someone(), someone()]
      const body = (change: string) => [
        enhanced({ accounts: [[account, 0]], tokens: [{ account, owner, mint: usdc, change }] })
      ]
      const fits = announced(yield* decode(body("99999999999999999999")))
      assert.deepStrictEqual(
        brief(fits).map(({ amount }) => amount),
        ["99999999999999.999999"]
      )
      const path = "[0].accountData[0].tokenBalanceChanges[0]"
      const [tooLong] = faultsOf(yield* decode(body("999999999999999999999")))
      assert.strictEqual(tooLong?.path, `${path}.rawTokenAmount.tokenAmount`)

      const whole = new Map(
        [...chainsByName].map(([name, chain]) => [name, withoutDecimals(chain)] as const)
      )
      const [doesNotFit] = faultsOf(yield* decode(body("99999999999999999999"), whole))
      assert.strictEqual(doesNotFit?.path, path)
      assert.include(doesNotFit?.message, "18 digits")
    })
  )

  it("has secrets that HTTP carries in a header, and that nobody guesses", () => {
    for (const text of [
      "short",
      " the-secret-with-a-space",
      "the-secret-with-a-space ",
      "a\nb".repeat(9)
    ]) {
      const result = helius.secret(text, {})
      assert.isTrue(Result.isFailure(result), text)
    }
    assert.deepStrictEqual(
      helius.secret("Bearer 0123456789", {}),
      Result.succeed("Bearer 0123456789")
    )
  })
})

layer(Solana.layer, { timeout: "60 seconds" })("a transaction of a real Solana runtime", (it) => {
  const transactionOf = (url: string, tx_hash: string) =>
    Effect.promise(async () => {
      const params = [
        tx_hash,
        { commitment: "confirmed", encoding: "json", maxSupportedTransactionVersion: 0 }
      ]
      const response = await fetch(url, {
        method: "POST",
        body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "getTransaction", params })
      })
      // The depositor has more lamports than a JSON number holds.
      const bytes = new Uint8Array(await response.arrayBuffer())
      return Schema.decodeUnknownSync(Answer)(exactJson(null, bytes)).result
    })

  it.effect("makes the very claims that the validator confirms, and none of rent", () =>
    Effect.gen(function* () {
      const { chain, usdc: token } = yield* Solana
      const validator = yield* openValidator()
      const [owner, wallet, closed] = [
        yield* chain.freshAddress,
        yield* chain.freshAddress,
        yield* chain.freshAddress
      ]
      const paid = yield* chain.pay([
        { to: owner, token, units: 1_500_000n },
        { to: owner, token, units: 500_000n },
        { to: wallet, token: "SOL", units: 2n * 10n ** 9n }
      ])
      const closing = yield* chain.payByClosing(closed, 10n ** 9n)
      const byProgram = yield* chain.payByProgram(token, 7n)
      const failed = yield* chain.pay([{ to: owner, token, units: 1n }], { fails: true })
      yield* chain.confirm

      const told = Effect.fnUntraced(function* (tx_hash: string) {
        const item = yield* transactionOf(chain.url, tx_hash)
        return Result.getOrThrow(
          Result.flatMap(rawBalances(item, ""), (seen) => tell(localChain(token), seen))
        )
      })
      const claims = (yield* Effect.forEach([paid, closing, byProgram.tx_hash, failed], told)).map(
        ({ transfers }) => transfers.map(({ claim }) => claim)
      )
      assert.deepStrictEqual(
        claims.map((made) => made.map(({ amount, to_address }) => [amount, to_address])),
        [
          [
            ["2", owner],
            ["2", wallet]
          ],
          // With the rent of the account that was closed, as all of it arrived.
          [[claims[1]?.[0]?.amount, closed]],
          [
            ["0.000007", byProgram.owner],
            ["0.00203928", byProgram.owner]
          ],
          []
        ]
      )
      for (const claim of claims.flat()) {
        const verdict = yield* validator.verify(claim)
        assert.strictEqual(verdict._tag, "Confirmed", JSON.stringify(verdict))
      }
    })
  )
})

const Answer = Schema.Struct({ result: Schema.Json })

const localChain = (token: Mint): ChainConfig => ({
  name: chainName,
  kind: "solana",
  chain_id: "",
  rpc: [],
  confirmations: "safe",
  tokens: new Map<TokenSymbol, TokenConfig>([
    [
      usdcSymbol,
      { _tag: "Contract", contract: Address.make(token.address), decimals: token.decimals }
    ],
    [sol, { _tag: "Native", decimals: 9 }]
  ])
})
