/**
 * Makes jobs of transfers on chain of which no webhook told.
 *
 * A provider may or may not give a transfer's index, so a job without one stands for one transfer of
 * its token, recipient and amount. Were that wrong, two jobs would claim one transfer: the ledger
 * credits it once all the same.
 */
import { hash } from "node:crypto"
import type { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import { Addresses } from "../addresses/addresses.ts"
import type { ScannedTransfer } from "../chains/scanner.ts"
import type { ChainConfig } from "../config/chain-config.ts"
import { Settings } from "../config/settings.ts"
import { SurehookConfig } from "../config/surehook-config.ts"
import { environmentsOf, watchEnvironment } from "../config/watch-environment.ts"
import { Deposits, type ReceivedClaim } from "../deposits/deposits.ts"
import { JobSignal } from "../deposits/job-signal.ts"
import type { Environment, JobId, TenantId } from "../domain/ids.ts"
import { SourceId } from "../domain/ids.ts"
import { priorityOf } from "../domain/large-amounts.ts"
import type { TransferClaim } from "../domain/transfer.ts"
import { texts } from "../event-log/columns.ts"

/** The source of deposits that no webhook told of. */
export const reconcilerSource = SourceId.make("reconciler")
/** Jobs in one transaction. */
const receiveBatchSize = 500

export interface Found {
  /** Transfers to an address of a tenant who has deposits on this chain. */
  readonly transfers: number
  readonly missed: number
  /** Jobs of found transfers that have ended without a credit. */
  readonly ended: ReadonlyArray<JobId>
}

interface Expected {
  readonly tenant_id: TenantId
  readonly environment: Environment
  readonly transfer: ScannedTransfer
}

interface KnownJob {
  readonly id: JobId
  readonly tenant_id: string
  readonly environment: string
  readonly tx_hash: string
  readonly token: string
  readonly to_address: string
  readonly amount: string
  readonly transfer_index: number | null
  readonly status: string
  readonly sub_state: string | null
  /** What it says is credited was taken back. */
  readonly is_reversed: boolean
}

export const makeMissedDeposits = Effect.fnUntraced(function* (sql: PgClient.PgClient) {
  const addresses = yield* Addresses
  const { sources } = yield* SurehookConfig
  const { worker } = yield* Settings
  const deposits = yield* Deposits
  const signal = yield* JobSignal

  const expected = Effect.fnUntraced(function* (
    chain: ChainConfig,
    transfers: ReadonlyArray<ScannedTransfer>
  ) {
    const owners = yield* addresses.ownersOf(chain.name, [
      ...new Set(transfers.map(({ claim }) => claim.to_address))
    ])
    return transfers.flatMap((transfer) =>
      (owners.get(transfer.claim.to_address) ?? []).flatMap(
        (tenant_id): ReadonlyArray<Expected> => {
          const environment = watchEnvironment(chain, environmentsOf(sources, tenant_id))
          return environment === undefined ? [] : [{ tenant_id, environment, transfer }]
        }
      )
    )
  })

  const jobsOf = (chain: ChainConfig, transfers: ReadonlyArray<Expected>) => sql<KnownJob>`
    SELECT id, tenant_id, environment, tx_hash, token, to_address, trim_scale(amount)::text AS amount,
           transfer_index, status, sub_state,
           EXISTS (SELECT FROM ledger_transactions
                   WHERE reverses_id = funding_event_jobs.ledger_transaction_id) AS is_reversed
    FROM funding_event_jobs
    WHERE chain = ${chain.name}
      AND tx_hash = ANY(${texts([...new Set(transfers.map(({ transfer }) => transfer.claim.tx_hash))])})
    ORDER BY id`

  return Effect.fnUntraced(function* (chain: ChainConfig, scanned: ReadonlyArray<ScannedTransfer>) {
    if (scanned.length === 0) return { transfers: 0, missed: 0, ended: [] } satisfies Found
    const transfers = yield* expected(chain, scanned)
    const { ended, missed } = compare(transfers, yield* jobsOf(chain, transfers))
    const claims = missed.map(({ environment, tenant_id, transfer }): ReceivedClaim => {
      const { block_number, claim } = transfer
      const payload = { found_by: reconcilerSource, block_number, ...claim }
      return {
        tenant_id,
        environment,
        source: reconcilerSource,
        claim,
        report: "seen",
        priority: priorityOf(claim.amount, chain.tokens.get(claim.token)?.large_above),
        max_attempts: worker.maxAttempts,
        payload_digest: hash("sha256", JSON.stringify(payload)),
        payload,
        trace_parent: null
      }
    })
    let created = 0
    for (let start = 0; start < claims.length; start += receiveBatchSize) {
      const outcomes = yield* deposits.receive(claims.slice(start, start + receiveBatchSize))
      created += outcomes.filter((outcome) => outcome?.created === true).length
    }
    if (created > 0) yield* signal.announce
    return { transfers: transfers.length, missed: created, ended } satisfies Found
  })
})

/**
 * Pairs transfers with jobs: those that name the index first. A job that names none stands for a transfer
 * that is the only one of its kind left; of several it cannot say which it means, and no validator could.
 */
const compare = (transfers: ReadonlyArray<Expected>, jobs: ReadonlyArray<KnownJob>) => {
  const free = new Map<string, Array<KnownJob>>()
  for (const job of jobs) {
    // By another job, which is not looked at for this one's sake.
    if (job.is_reversed) continue
    const key = keyOf(job, job.tx_hash, job)
    free.set(key, [...(free.get(key) ?? []), job])
  }
  const take = (key: string, index: TransferClaim["transfer_index"]): KnownJob | undefined => {
    const candidates = free.get(key) ?? []
    const place = candidates.findIndex(({ transfer_index }) => transfer_index === index)
    return place < 0 ? undefined : candidates.splice(place, 1)[0]
  }
  const ended: Array<JobId> = []
  const keyOfOne = (one: Expected) => keyOf(one, one.transfer.claim.tx_hash, one.transfer.claim)
  const pair = (left: ReadonlyArray<Expected>, indexOf: (claim: TransferClaim) => number | null) =>
    left.filter((one) => {
      const job = take(keyOfOne(one), indexOf(one.transfer.claim))
      if (job === undefined) return true
      if (job.status === "dlq" || job.sub_state === "settled") ended.push(job.id)
      return false
    })
  const unnamed = pair(transfers, ({ transfer_index }) => transfer_index)
  const alike = Map.groupBy(transfers, keyOfOne)
  const [only, several] = [
    unnamed.filter((one) => alike.get(keyOfOne(one))?.length === 1),
    unnamed.filter((one) => alike.get(keyOfOne(one))?.length !== 1)
  ]
  return { missed: [...pair(only, () => null), ...several], ended }
}

const keyOf = (
  owner: { readonly tenant_id: string; readonly environment: string },
  txHash: string,
  transfer: { readonly token: string; readonly to_address: string; readonly amount: string }
): string =>
  [
    owner.tenant_id,
    owner.environment,
    txHash,
    transfer.token,
    transfer.to_address,
    transfer.amount
  ].join("|")
