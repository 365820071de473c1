/** Every webhook that got a 200 is a job, and no job is left in the middle of its way. */
import { attoOf } from "./amounts.ts"
import type { Facts, Promised, Violation } from "./facts.ts"

interface Claim {
  readonly tx_hash: string
  readonly token: string
  readonly amount: string
  readonly to_address: string
  readonly transfer_index: number | null
}

const claimKey = ({ amount, to_address, token, transfer_index, tx_hash }: Claim): string =>
  [tx_hash, token, attoOf(amount), to_address, transfer_index ?? "-"].join(" ").toLowerCase()

export const checkAcknowledged = ({ acknowledged, database }: Facts): ReadonlyArray<Violation> => {
  const idOf = new Map(database.jobs.map((job) => [claimKey(job), job.id]))
  return acknowledged.flatMap((webhook) => {
    const about = { tx_hash: webhook.tx_hash }
    const is = `webhook ${webhook.message_id} got a 200`
    const job_id = idOf.get(claimKey(webhook))
    if (job_id === undefined) {
      return [
        { check: "acknowledged" as const, ...about, what: `${is}, and there is no job of it` }
      ]
    }
    return webhook.job_ids.includes(job_id)
      ? []
      : [{ check: "acknowledged" as const, ...about, job_id, what: `${is} that names other jobs` }]
  })
}

/** No claim has two jobs. */
export const checkClaims = ({ database }: Facts): ReadonlyArray<Violation> => {
  const first = new Map<string, string>()
  return database.jobs.flatMap((job) => {
    const key = [claimKey(job), job.chain, job.tenant_id, job.environment].join(" ")
    const other = first.get(key)
    if (other === undefined) {
      first.set(key, job.id)
      return []
    }
    const what = `job ${other} is of the very same claim`
    return [{ check: "doubled" as const, job_id: job.id, tx_hash: job.tx_hash, what }]
  })
}

const isUnsettled = (status: string, sub_state: string | null, promised: Promised): boolean =>
  status === "processing" ||
  status === "pending" ||
  sub_state === "scheduled" ||
  (promised.reorgs && sub_state === "watching")

export const checkSettled = ({ database }: Facts, promised: Promised): ReadonlyArray<Violation> =>
  database.jobs.flatMap(({ id, status, sub_state, tx_hash }) => {
    if (!isUnsettled(status, sub_state, promised)) return []
    const what = `it is left in ${sub_state === null ? status : `${status}.${sub_state}`}`
    return [{ check: "unsettled" as const, job_id: id, tx_hash, what }]
  })
