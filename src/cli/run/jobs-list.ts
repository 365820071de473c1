/** Deposit jobs as a table, or as JSON. */
import { Clock, Console, Effect, Option } from "effect"
import type { Status } from "../../deposits/deposit-state.ts"
import { JobQueries, type JobView } from "../../deposits/job-queries.ts"
import { ChainKind, canonicalTxHash } from "../../domain/chain.ts"
import { reading } from "./command-database.ts"
import { ageText, jobJson, stateColor, stateName } from "./job-text.ts"
import { type Column, screen, table } from "./table.ts"

interface ListInput {
  readonly status: Option.Option<Status>
  readonly chain: Option.Option<string>
  readonly txHash: Option.Option<string>
  readonly limit: number
  readonly json: boolean
}

export const listJobs = ({ chain, json, limit, status, txHash }: ListInput) =>
  Effect.gen(function* () {
    const queries = yield* JobQueries
    const jobs = yield* queries.list({
      status: Option.getOrUndefined(status),
      chain: Option.getOrUndefined(chain),
      tx_hash: Option.getOrUndefined(Option.map(txHash, canonical)),
      limit
    })
    if (json) return yield* Console.log(JSON.stringify({ jobs: jobs.map(jobJson) }, null, 2))
    if (jobs.length === 0) return yield* Console.error("There are no such jobs.")
    yield* Console.log(table(columns(yield* Clock.currentTimeMillis), jobs, yield* screen))
    if (jobs.length === limit) yield* Console.error(`The newest ${limit}: --limit shows more.`)
  }).pipe(Effect.provide(JobQueries.layer), reading)

/** As a person copied it: the same hash whatever the chain writes large or small. */
const canonical = (hash: string): string =>
  ChainKind.literals
    .map((kind) => canonicalTxHash(kind, hash))
    .find((found) => found !== undefined) ?? hash

const columns = (nowMillis: number): ReadonlyArray<Column<JobView>> => [
  { title: "JOB", text: ({ id }) => id },
  { title: "STATE", text: stateName, color: stateColor },
  { title: "AMOUNT", text: ({ amount, token }) => `${amount} ${token}`, shrinksTo: 12 },
  { title: "CHAIN", text: ({ chain }) => chain, shrinksTo: 8 },
  { title: "TRANSACTION", text: ({ tx_hash }) => tx_hash, shrinksTo: 11, cut: "middle" },
  { title: "AGE", text: ({ first_seen_at }) => ageText(first_seen_at, nowMillis) }
]
