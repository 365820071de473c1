/** Claims to receive, and jobs as they stand in the database. */
import { randomBytes } from "node:crypto"
import { PgClient } from "@effect/sql-pg"
import { assert } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { SecureRandom } from "effect/crypto"
import { Deposits, type ReceivedClaim } from "../../src/deposits/deposits.ts"
import type { Job } from "../../src/deposits/job.ts"
import { type JobRow, jobColumns, jobFromRow } from "../../src/deposits/job-row.ts"
import { Amount } from "../../src/domain/amount.ts"
import { Address, ChainName, TxHash } from "../../src/domain/chain.ts"
import { Environment, type JobId, SourceId, TenantId, TokenSymbol } from "../../src/domain/ids.ts"
import type { TransferClaim } from "../../src/domain/transfer.ts"
import { uuids } from "../../src/event-log/columns.ts"
import { TestDatabase } from "../support/postgres.ts"

export const localchain = ChainName.make("localchain")

/** The service over a database of its own. */
export const depositsLayer = Deposits.layer.pipe(
  Layer.provide(SecureRandom.layerWebCrypto),
  Layer.provideMerge(TestDatabase.layer)
)

/** A claim about a transaction of its own. */
export const received = (
  claim: Partial<TransferClaim> = {},
  fields: Partial<ReceivedClaim> = {}
): ReceivedClaim => ({
  tenant_id: TenantId.make("acme"),
  environment: Environment.make("production"),
  source: SourceId.make("main"),
  claim: {
    chain: localchain,
    tx_hash: TxHash.make(`0x${randomBytes(32).toString("hex")}`),
    token: TokenSymbol.make("USDC"),
    amount: Amount.make("1.5"),
    to_address: Address.make(`0x${"cd".repeat(20)}`),
    transfer_index: null,
    ...claim
  },
  report: "seen",
  priority: 0,
  max_attempts: 2,
  payload_digest: "ef".repeat(32),
  payload: { tx_hash: "as the provider sent it" },
  trace_parent: null,
  ...fields
})

export const receivedMany = (count: number, claim: Partial<TransferClaim> = {}) =>
  Array.from({ length: count }, () => received(claim))

/** The jobs as their rows say, in the order of the ids. */
export const readJobs = (ids: ReadonlyArray<JobId>) =>
  Effect.gen(function* () {
    const sql = yield* PgClient.PgClient
    const rows = yield* sql<JobRow>`
      SELECT ${jobColumns(sql)} FROM funding_event_jobs WHERE id = ANY(${uuids(ids)})`
    const byId = new Map(rows.map((row) => [row.id, jobFromRow(row)]))
    return ids.flatMap((id): ReadonlyArray<Job> => {
      const job = byId.get(id)
      return job === undefined ? [] : [job]
    })
  })

/** Receives claims that make jobs or find them. */
export const receive = (claims: ReadonlyArray<ReceivedClaim>) =>
  Effect.gen(function* () {
    const deposits = yield* Deposits
    const outcomes = yield* deposits.receive(claims)
    return outcomes.map((outcome) => outcome ?? assert.fail("a claim has no job"))
  })

/** Receives new claims, and gives their jobs. */
export const newJobs = (claims: ReadonlyArray<ReceivedClaim>) =>
  Effect.gen(function* () {
    const outcomes = yield* receive(claims)
    return yield* readJobs(outcomes.map((outcome) => outcome.job_id))
  })
