import { assert, layer } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { answerTo, Solana, unknownTx } from "../../support/solana.ts"

const Signatures = Schema.Array(
  Schema.Struct({
    signature: Schema.String,
    slot: Schema.Int,
    err: Schema.Json,
    confirmationStatus: Schema.String
  })
)

const listed = (address: string, config: Schema.JsonObject = {}) =>
  answerTo("getSignaturesForAddress", [address, { commitment: "confirmed", ...config }]).pipe(
    Effect.flatMap(Schema.decodeUnknownEffect(Signatures))
  )

const Accounts = Schema.Struct({
  context: Schema.Struct({ slot: Schema.Int }),
  value: Schema.Array(Schema.Struct({ pubkey: Schema.String }))
})

const accounts = (owner: string, mint: string, commitment: string) =>
  answerTo("getTokenAccountsByOwner", [
    owner,
    { mint },
    { commitment, encoding: "base64", dataSlice: { offset: 0, length: 64 } }
  ]).pipe(
    Effect.flatMap(Schema.decodeUnknownEffect(Accounts)),
    Effect.map(({ value }) => value.map(({ pubkey }) => pubkey))
  )

layer(Solana.layer, { timeout: "60 seconds" })("the local Solana", (it) => {
  it.effect("lists an address's transactions from the newest back, in pages", () =>
    Effect.gen(function* () {
      const { chain } = yield* Solana
      const to = yield* chain.freshAddress
      const pay = (fails: boolean) => chain.pay([{ to, token: "SOL", units: 10n ** 9n }], { fails })
      const [a, b, c] = yield* Effect.all([pay(false), pay(true), pay(false)])
      yield* chain.confirm
      const unconfirmed = yield* pay(false)
      const signatures = (config?: Schema.JsonObject) =>
        Effect.map(listed(to, config), (all) => all.map(({ signature }) => signature))

      assert.deepStrictEqual(yield* signatures(), [c, b, a])
      assert.deepStrictEqual(yield* signatures({ limit: 2 }), [c, b])
      assert.deepStrictEqual(yield* signatures({ before: b }), [a])
      assert.deepStrictEqual(yield* signatures({ until: a }), [c, b])
      assert.deepStrictEqual(yield* signatures({ before: c, until: a }), [b])
      // As real nodes do, it takes what it does not know for the beginning of all.
      assert.deepStrictEqual(yield* signatures({ before: unknownTx }), [])
      assert.deepStrictEqual(yield* signatures({ until: unknownTx }), [c, b, a])
      const [, failed] = yield* listed(to)
      assert.isNotNull(failed?.err)
      assert.deepStrictEqual(yield* signatures({ commitment: "finalized" }), [])
      yield* chain.finalize
      assert.deepStrictEqual(yield* signatures({ commitment: "finalized", limit: 1 }), [
        unconfirmed
      ])
    })
  )

  it.effect("tells of an owner's token accounts of a mint as they are at a commitment", () =>
    Effect.gen(function* () {
      const { chain, feeToken, usdc: token } = yield* Solana
      const owner = yield* chain.freshAddress
      yield* chain.pay([
        { to: owner, token, units: 5n },
        { to: owner, token: feeToken, units: 5n }
      ])
      const first = yield* chain.tokenAccountOf(token, owner)
      yield* chain.finalize
      const second = yield* chain.openSecondAccount(token, owner)
      yield* chain.confirm
      yield* chain.sweep(token, owner, second)
      const at = (commitment: string) => accounts(owner, token.address, commitment)
      assert.deepStrictEqual(yield* at("finalized"), [first])
      assert.deepStrictEqual(yield* at("confirmed"), [first, second])
      assert.deepStrictEqual(yield* at("processed"), [first])
      assert.deepStrictEqual(yield* accounts(owner, feeToken.address, "finalized"), [
        yield* chain.tokenAccountOf(feeToken, owner)
      ])
    })
  )
})
