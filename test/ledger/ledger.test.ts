/** The ledger's own guarantees: balanced, append-only, each transfer once. */
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { SecureRandom } from "effect/crypto"
import { Amount } from "../../src/domain/amount.ts"
import { Address, ChainName, TxHash } from "../../src/domain/chain.ts"
import { Environment, JobId, TenantId, TokenSymbol } from "../../src/domain/ids.ts"
import { accountId } from "../../src/ledger/accounts.ts"
import { type Credit, Creditor } from "../../src/ledger/creditor.ts"
import { creditorLayer, Ledger } from "../../src/ledger/ledger.ts"
import { TestDatabase } from "../support/postgres.ts"

const testLayer = Layer.mergeAll(creditorLayer, Ledger.layer, SecureRandom.layerWebCrypto).pipe(
  Layer.provideMerge(TestDatabase.layer)
)

const chain = ChainName.make("localchain")
const address = Address.make(`0x${"aa".repeat(20)}`)

const newCredit = (fields: Partial<Credit> = {}) =>
  Effect.gen(function* () {
    const random = yield* SecureRandom.SecureRandom
    const id = yield* random.uuidV7()
    return {
      ledger_transaction_id: id,
      job_id: JobId.make(id),
      tenant_id: TenantId.make("acme"),
      environment: Environment.make("production"),
      identity: {
        chain,
        tx_hash: TxHash.make(`0x${id.replaceAll("-", "")}`),
        transfer_index: "log:0"
      },
      to_address: address,
      token: TokenSymbol.make("USDC"),
      amount: Amount.make("0.1"),
      recorded_at: "2026-01-01T00:00:00.000Z",
      ...fields
    } satisfies Credit
  })

layer(testLayer)("the ledger", (it) => {
  it.effect("adds exactly, where floats would not", () =>
    Effect.gen(function* () {
      const creditor = yield* Creditor
      const ledger = yield* Ledger
      const to_address = Address.make(`0x${"bb".repeat(20)}`)
      const amounts = ["0.1", "0.2", "0.000000000000000001", "123456789012345678"]
      const credits = yield* Effect.forEach(amounts, (amount) =>
        newCredit({ to_address, amount: Amount.make(amount) })
      )
      yield* creditor.credit(credits)
      assert.deepStrictEqual(
        (yield* ledger.balances(chain, to_address)).map(({ amount }) => amount),
        ["123456789012345678.300000000000000001"]
      )
    })
  )

  it.effect("keeps the same transfer of two environments apart", () =>
    Effect.gen(function* () {
      const creditor = yield* Creditor
      const credit = yield* newCredit()
      const other = yield* newCredit({
        identity: credit.identity,
        environment: Environment.make("staging")
      })
      const outcomes = yield* creditor.credit([credit, other])
      assert.deepStrictEqual(
        outcomes.map(({ _tag }) => _tag),
        ["Credited", "Credited"]
      )
    })
  )

  it.effect("tells which transaction credited a transfer before", () =>
    Effect.gen(function* () {
      const creditor = yield* Creditor
      const credit = yield* newCredit()
      const again = yield* newCredit({ identity: credit.identity, amount: Amount.make("5") })
      yield* creditor.credit([credit])
      assert.deepStrictEqual(yield* creditor.credit([again]), [
        {
          _tag: "AlreadyCredited",
          ledger_transaction_id: credit.ledger_transaction_id,
          job_id: credit.job_id
        }
      ])
    })
  )

  it.effect("takes a credit back once, and then credits the transfer again, once", () =>
    Effect.gen(function* () {
      const creditor = yield* Creditor
      const to_address = Address.make(`0x${"cc".repeat(20)}`)
      const first = yield* newCredit({ to_address })
      const reversalOf = (credit: Credit) =>
        Effect.map(newCredit(), ({ ledger_transaction_id, recorded_at }) => ({
          ledger_transaction_id,
          reverses_id: credit.ledger_transaction_id,
          recorded_at
        }))
      const again = () => newCredit({ to_address, identity: first.identity })
      const tagOf = Effect.fnUntraced(function* (credit: Credit) {
        return (yield* creditor.credit([credit])).map(({ _tag }) => _tag)
      })
      const balance = Effect.map((yield* Ledger).balances(chain, to_address), (rows) =>
        rows.map(({ amount }) => amount)
      )

      assert.deepStrictEqual(yield* tagOf(first), ["Credited"])
      const undone = yield* Effect.all([reversalOf(first), reversalOf(first)])
      assert.deepStrictEqual(
        yield* creditor.reverse(undone),
        new Set([first.ledger_transaction_id])
      )
      assert.deepStrictEqual(yield* creditor.reverse([yield* reversalOf(first)]), new Set())
      assert.deepStrictEqual(yield* balance, ["0"])

      const second = yield* again()
      assert.deepStrictEqual(yield* tagOf(second), ["Credited"])
      assert.deepStrictEqual(yield* creditor.credit([yield* again()]), [
        {
          _tag: "AlreadyCredited",
          ledger_transaction_id: second.ledger_transaction_id,
          job_id: second.job_id
        }
      ])
      assert.deepStrictEqual(yield* balance, ["0.1"])
      assert.deepStrictEqual(
        yield* creditor.reverse([yield* reversalOf(second)]),
        new Set([second.ledger_transaction_id])
      )
      assert.deepStrictEqual(yield* tagOf(yield* again()), ["Credited"])
      assert.deepStrictEqual(yield* balance, ["0.1"])
    })
  )

  it.effect("refuses a second credit before the first was reversed, whatever its number", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const { identity, ledger_transaction_id } = yield* newCredit()
      yield* (yield* Creditor).credit([yield* newCredit({ identity })])
      const write = (kind: string, number: number, reverses: string | null) => sql`
        INSERT INTO ledger_transactions (
          id, tenant_id, environment, chain, tx_hash, transfer_index, job_id, recorded_at,
          kind, credit_number, reverses_id)
        VALUES (${ledger_transaction_id}, 'acme', 'production', ${chain}, ${identity.tx_hash}, 'log:0',
                ${ledger_transaction_id}, now(), ${kind}, ${number}, ${reverses}::uuid)`
      for (const early of [
        write("credit", 2, null),
        write("credit", 3, null),
        write("reversal", 1, ledger_transaction_id),
        write("reversal", 2, ledger_transaction_id)
      ]) {
        const error = yield* Effect.flip(early)
        assert.match(String(error.reason.cause), /before its turn/)
      }
    })
  )

  it.effect("refuses entries that do not sum to zero per token, or have no transaction", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const { ledger_transaction_id: id } = yield* newCredit()
      const [a, b] = [crypto.randomUUID(), crypto.randomUUID()]
      const write = (entries: ReadonlyArray<readonly [string, string, string]>) => sql`
        INSERT INTO ledger_entries (transaction_id, account_id, token, amount)
        SELECT ${id}::uuid, account, token, amount FROM unnest(
          ${entries.map(([account]) => account)}::uuid[],
          ${entries.map(([, token]) => token)}::text[],
          ${entries.map(([, , amount]) => amount)}::numeric[]) AS entry (account, token, amount)`
      const refusal = (entries: ReadonlyArray<readonly [string, string, string]>) =>
        Effect.map(Effect.flip(write(entries)), (error) => String(error.reason.cause))
      const balanced = [
        [a, "USDC", "1"],
        [b, "USDC", "-1"]
      ] as const
      assert.match(yield* refusal(balanced), /there is no ledger transaction/)
      yield* sql`
        INSERT INTO ledger_transactions (
          id, tenant_id, environment, chain, tx_hash, transfer_index, job_id, recorded_at)
        VALUES (${id}, 'acme', 'production', 'localchain', ${id}, 'native', ${id}, now())`
      assert.match(yield* refusal([[a, "USDC", "1"]]), /does not balance/)
      const crossed = [
        [a, "USDC", "1"],
        [b, "ETH", "-1"]
      ] as const
      assert.match(yield* refusal(crossed), /does not balance/)
      yield* write(balanced)
    })
  )

  it.effect("refuses every change of what was written", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      yield* (yield* Creditor).credit([yield* newCredit()])
      for (const table of ["ledger_accounts", "ledger_transactions", "ledger_entries"]) {
        for (const statement of [sql`DELETE FROM ${sql(table)}`, sql`TRUNCATE ${sql(table)}`]) {
          const error = yield* Effect.flip(statement)
          assert.match(String(error.reason.cause), /append-only/)
        }
      }
      const error = yield* Effect.flip(sql`UPDATE ledger_entries SET amount = amount * 2`)
      assert.match(String(error.reason.cause), /append-only/)
    })
  )
})

describe("an account's id", () => {
  const account = {
    tenant_id: TenantId.make("acme"),
    environment: Environment.make("production"),
    chain,
    kind: "deposits",
    address
  } as const

  it("is a UUID of version 8, the same each time", () => {
    assert.match(
      accountId(account),
      /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
    )
    assert.strictEqual(accountId(account), accountId({ ...account }))
  })

  it("differs with each part of what the account is", () => {
    const others = [
      account,
      { ...account, tenant_id: TenantId.make("globex") },
      { ...account, environment: Environment.make("staging") },
      { ...account, chain: ChainName.make("polygon") },
      { ...account, kind: "chain" as const },
      { ...account, address: "" as const }
    ]
    assert.strictEqual(new Set(others.map(accountId)).size, others.length)
  })
})
