/**
 * Which transfers of the chain must be credited, and which may be.
 *
 * A claim announces a transfer of its transaction, token, recipient and amount: the one at its log
 * index, or the only one of that description. A reorganisation can give a log another index after
 * the claim was credited, so a transfer that fits in all but the index may be credited, and need
 * not be.
 */
import { attoOf } from "./amounts.ts"
import type { ChainTransfer, DatabaseFacts, JobRow } from "./facts.ts"
import { groupBy } from "./groups.ts"

/** The identity under which a transfer is credited once. */
export const keyOf = (transfer: { readonly tx_hash: string; readonly index: string }): string =>
  `${transfer.tx_hash} ${transfer.index}`

export interface Announced {
  readonly must: ReadonlySet<string>
  readonly may: ReadonlySet<string>
  /** The jobs that claim each transfer. */
  readonly claimants: ReadonlyMap<string, ReadonlyArray<JobRow>>
}

const fits = (job: JobRow, transfer: ChainTransfer): boolean =>
  transfer.token === job.token &&
  transfer.to === job.to_address &&
  transfer.from !== transfer.to &&
  transfer.atto === attoOf(job.amount)

/** The transfer that the claim means; none if it is wrong or ambiguous. */
const meant = (job: JobRow, fitting: ReadonlyArray<ChainTransfer>): ChainTransfer | undefined => {
  const named = fitting.filter(
    ({ log_index }) =>
      job.transfer_index === null || log_index === null || log_index === job.transfer_index
  )
  return named.length === 1 ? named[0] : undefined
}

export const announcedIn = (
  { jobs, registered }: DatabaseFacts,
  chain: ReadonlyArray<ChainTransfer>,
  alsoUnannounced: boolean
): Announced => {
  const transfersOf = groupBy(chain, ({ tx_hash }) => tx_hash)
  const must = new Set<string>()
  const may = new Set<string>()
  const claimants = new Map<string, Array<JobRow>>()
  for (const job of jobs) {
    const fitting = (transfersOf.get(job.tx_hash) ?? []).filter((transfer) => fits(job, transfer))
    for (const transfer of fitting) {
      const key = keyOf(transfer)
      may.add(key)
      claimants.set(key, [...(claimants.get(key) ?? []), job])
    }
    const transfer = meant(job, fitting)
    if (transfer !== undefined) must.add(keyOf(transfer))
  }
  if (alsoUnannounced) {
    for (const transfer of chain) {
      if (!registered.has(transfer.to) || transfer.from === transfer.to) continue
      must.add(keyOf(transfer))
      may.add(keyOf(transfer))
    }
  }
  return { must, may, claimants }
}
