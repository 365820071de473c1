/** `surehook jobs` on a real database with the jobs of real webhooks. */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { NodeServices } from "@effect/platform-node"
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Layer, Redacted, Schema } from "effect"
import { reading } from "../../src/cli/run/command-database.ts"
import { ProcessEnv } from "../../src/config/process-env.ts"
import { emptyFolder, surehook } from "../support/command.ts"
import { makeTestDatabase, TestDatabase } from "../support/postgres.ts"
import { startService } from "../support/service.ts"
import { deliver } from "../support/webhooks.ts"

const txHash = (digit: string) => `0x${digit.repeat(64)}`

const Jobs = Schema.fromJsonString(
  Schema.Struct({
    jobs: Schema.Array(
      Schema.Struct({ id: Schema.String, tx_hash: Schema.String, amount: Schema.String })
    )
  })
)

const JobWithEvents = Schema.fromJsonString(
  Schema.Struct({
    id: Schema.String,
    status: Schema.String,
    events: Schema.Array(Schema.Struct({ type: Schema.String, hash: Schema.String }))
  })
)

/** A database with three jobs, the last of which has the transaction 0xccc…. */
class Deposited extends Context.Service<Deposited, { readonly env: Record<string, string> }>()(
  "surehook/test/Deposited"
) {
  static readonly layer = Layer.effect(
    Deposited,
    Effect.gen(function* () {
      const { url: databaseUrl } = yield* TestDatabase
      const { url } = yield* startService({ databaseUrl, env: { FUNDING_WORKER_ENABLED: "false" } })
      for (const digit of ["a", "b", "c"]) {
        const { status } = yield* deliver(url, {
          chain: "localchain",
          tx_hash: txHash(digit),
          token: "ETH",
          amount: "1.50",
          to_address: `0x${"d0".repeat(20)}`
        })
        assert.strictEqual(status, 200)
      }
      return { env: { DATABASE_URL: Redacted.value(databaseUrl) } }
    })
  ).pipe(Layer.provide(TestDatabase.layerUrl))
}

const jobs = (...args: ReadonlyArray<string>) =>
  Effect.flatMap(Deposited, ({ env }) => surehook(["jobs", ...args], { env }))

layer(Deposited.layer, { excludeTestServices: true })("surehook jobs", (it) => {
  it.effect("lists jobs as aligned columns, the newest first", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* jobs("list")
      assert.deepStrictEqual([code, stderr], [0, ""])
      const [head = "", ...rows] = stdout.trimEnd().split("\n")
      assert.match(head, /^JOB +STATE +AMOUNT +CHAIN +TRANSACTION +AGE$/)
      assert.deepStrictEqual(
        rows.map((row) => row.slice(head.indexOf("TRANSACTION"), head.indexOf("AGE")).trim()),
        ["c", "b", "a"].map(txHash)
      )
      for (const row of rows)
        assert.match(row, /^[0-9a-f-]{36} {2}pending {2}1\.5 ETH {2}localchain/)
    })
  )

  it.effect("filters, and prints JSON for programs", () =>
    Effect.gen(function* () {
      const [byHash, byStatus, limited] = yield* Effect.all(
        [
          jobs(
            "list",
            "--json",
            "--tx-hash",
            txHash("B").replace("x", "X"),
            "--chain",
            "localchain"
          ),
          jobs("list", "--status", "dlq"),
          jobs("list", "--json", "--limit", "1")
        ],
        { concurrency: 2 }
      )
      const found = yield* Schema.decodeEffect(Jobs)(byHash.stdout)
      assert.deepStrictEqual(
        found.jobs.map(({ amount, tx_hash }) => ({ amount, tx_hash })),
        [{ amount: "1.5", tx_hash: txHash("b") }]
      )
      assert.deepStrictEqual(byStatus, { code: 0, stdout: "", stderr: "There are no such jobs.\n" })
      const { jobs: newest } = yield* Schema.decodeEffect(Jobs)(limited.stdout)
      assert.deepStrictEqual(
        newest.map(({ tx_hash }) => tx_hash),
        [txHash("c")]
      )
    })
  )

  it.effect("shows one job with its timeline, as text and as JSON", () =>
    Effect.gen(function* () {
      const list = yield* jobs("list", "--json", "--limit", "1")
      const [job] = (yield* Schema.decodeEffect(Jobs)(list.stdout)).jobs
      const id = job?.id ?? ""
      const [text, json] = yield* Effect.all(
        [jobs("show", id.toUpperCase()), jobs("show", id, "--json")],
        { concurrency: 2 }
      )
      assert.strictEqual(text.code, 0)
      assert.include(text.stdout, `Job ${id}\n  state        pending\n`)
      assert.match(
        text.stdout,
        /\n {2}[\d-]{10} [\d:.]{12} {2}deposit\.received {2}pending\n {4}source:main {2}payload sha256 /
      )
      const shown = yield* Schema.decodeEffect(JobWithEvents)(json.stdout)
      assert.deepStrictEqual([shown.id, shown.status], [id, "pending"])
      assert.deepStrictEqual(
        shown.events.map(({ type }) => type),
        ["deposit.received"]
      )
    })
  )

  it.effect("says in one line that there is no such job", () =>
    Effect.gen(function* () {
      const unknown = "01a21019-0000-7000-8000-000000000000"
      assert.deepStrictEqual(yield* jobs("show", unknown), {
        code: 1,
        stdout: "",
        stderr: `There is no job ${unknown} in this database.\n`
      })
    })
  )

  it.effect("cannot write", () =>
    Effect.gen(function* () {
      const { env } = yield* Deposited
      const write = Effect.flatMap(
        PgClient.PgClient,
        (sql) => sql`UPDATE funding_event_jobs SET priority = 1`
      )
      const fault = yield* reading(write).pipe(
        Effect.flip,
        Effect.provideService(ProcessEnv, env),
        Effect.provide(NodeServices.layer)
      )
      assert.strictEqual(fault._tag, "SqlError")
      assert.match(
        fault._tag === "SqlError" ? String(fault.reason.cause) : "",
        /cannot execute UPDATE in a read-only transaction/
      )
    })
  )
})

describe("surehook jobs without jobs", () => {
  it.live("says in one line that there is no database yet, and makes none", () =>
    Effect.gen(function* () {
      const cwd = yield* emptyFolder
      const { code, stderr, stdout } = yield* surehook(["jobs", "list"], { cwd })
      assert.deepStrictEqual([code, stdout], [1, ""])
      assert.match(stderr, /^There is no database in \.surehook yet: .*\n$/)
      assert.isFalse(existsSync(join(cwd, ".surehook")))
    })
  )

  it.live("says in one line that the database is not migrated", () =>
    Effect.gen(function* () {
      const { url } = yield* makeTestDatabase("template0")
      const { code, stderr, stdout } = yield* surehook(["jobs", "list"], {
        env: { DATABASE_URL: Redacted.value(url) }
      })
      assert.deepStrictEqual([code, stdout], [1, ""])
      assert.match(stderr, /^The database is not migrated yet: .*\n$/)
    })
  )
})
