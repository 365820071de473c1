/** What several endpoints say of one claim, made into one verdict. Pure. */
import { Duration } from "effect"
import type { NotNow } from "./rpc/rate-limit.ts"
import type { Evidence, RpcFailure, RpcRefused, Verdict } from "./validator.ts"

export interface Opinion {
  readonly endpoint: string
  readonly host: string
  readonly verdict: Verdict
}

type Confirmed = Extract<Verdict, { readonly _tag: "Confirmed" }>
type NotFinal = Extract<Verdict, { readonly _tag: "NotFinal" }>

/** Endpoints, each of another host, that must say the same. */
export const needed = 2
const lookAgainAfter = Duration.seconds(15)

export const hostsOf = (opinions: ReadonlyArray<Opinion>): ReadonlySet<string> =>
  new Set(opinions.map(({ host }) => host))

/** What enough of them say alike; undefined if nothing. */
export const consensus = (opinions: ReadonlyArray<Opinion>): Verdict | undefined => {
  for (const { verdict } of opinions) {
    if (verdict._tag !== "Confirmed") continue
    const agreeing = opinions.filter((other) => confirmsThe(verdict, other.verdict))
    if (hostsOf(agreeing).size >= needed) return agreed(verdict, agreeing, opinions)
  }
  const [first] = opinions
  const isUnanimous = opinions.every(({ verdict }) => verdict._tag === first?.verdict._tag)
  if (first === undefined || !isUnanimous || hostsOf(opinions).size < needed) return undefined
  switch (first.verdict._tag) {
    // Of two transfers that are not the same, see above.
    case "Confirmed":
      return undefined
    case "NotFinal": {
      const { absence: _, ...least } = shallowest(first.verdict, opinions)
      const absence = absenceOf(opinions)
      return { ...least, ...(absence && { absence }), evidence: evidenceOf(opinions) }
    }
    case "NotFound": {
      const heads = opinions.flatMap(({ verdict }) =>
        verdict._tag === "NotFound" ? [verdict.head] : []
      )
      return { ...first.verdict, head: Math.min(...heads), evidence: evidenceOf(opinions) }
    }
    default:
      return { ...first.verdict, evidence: { ...blockOf(opinions), ...evidenceOf(opinions) } }
  }
}

const confirmsThe = (one: Confirmed, other: Verdict): other is Confirmed =>
  other._tag === "Confirmed" &&
  other.identity.chain === one.identity.chain &&
  other.identity.tx_hash === one.identity.tx_hash &&
  other.identity.transfer_index === one.identity.transfer_index &&
  other.amount === one.amount &&
  other.block_number === one.block_number &&
  other.block_hash === one.block_hash

/** As final as the most careful of those who agree says. */
const agreed = (
  verdict: Confirmed,
  agreeing: ReadonlyArray<Opinion>,
  all: ReadonlyArray<Opinion>
): Confirmed => {
  const confirmed = agreeing.flatMap((one) =>
    one.verdict._tag === "Confirmed" ? [one.verdict] : []
  )
  return {
    ...verdict,
    confirmations: Math.min(...confirmed.map(({ confirmations }) => confirmations)),
    finality: confirmed.every(({ finality }) => finality === "final") ? "final" : "watching",
    evidence: { ...verdict.evidence, ...evidenceOf(all), endpoint: namesOf(agreeing) }
  }
}

/** Only if nobody sees it in the chain, as of the one who is behind most. */
const absenceOf = (opinions: ReadonlyArray<Opinion>): NotFinal["absence"] => {
  const absences = opinions.flatMap(({ verdict }) =>
    verdict._tag === "NotFinal" ? (verdict.absence ?? []) : []
  )
  return absences.length === opinions.length
    ? { head: Math.min(...absences.map(({ head }) => head)) }
    : undefined
}

/** In which block all of them see it; nothing if they do not agree. */
const blockOf = (opinions: ReadonlyArray<Opinion>): Evidence => {
  const hashes = new Set(opinions.map(({ verdict }) => verdict.evidence.block_hash))
  const [only] = hashes
  return hashes.size === 1 && typeof only === "string" ? { block_hash: only } : {}
}

const shallowest = (first: NotFinal, opinions: ReadonlyArray<Opinion>): NotFinal =>
  opinions.reduce(
    (least, { verdict }) =>
      verdict._tag === "NotFinal" && verdict.confirmations_seen < least.confirmations_seen
        ? verdict
        : least,
    first
  )

const namesOf = (opinions: ReadonlyArray<Opinion>): string =>
  opinions.map(({ endpoint }) => endpoint).join(", ")

const evidenceOf = (opinions: ReadonlyArray<Opinion>): Evidence => ({
  endpoint: namesOf(opinions),
  opinions: opinions.map(({ endpoint, verdict }) => ({
    endpoint,
    verdict: verdict._tag,
    evidence: verdict.evidence
  }))
})

/** The deposit waits, and says who said what. */
export const disagreement = (
  opinions: ReadonlyArray<Opinion>,
  failures: ReadonlyArray<RpcFailure | RpcRefused | NotNow>
): NotFinal => {
  const said = [
    ...opinions.map(({ endpoint, verdict }) => `${endpoint} says ${inWords(verdict)}`),
    ...failures.map((error) =>
      error._tag === "NotNow"
        ? `${error.endpoint} takes no calls now`
        : `${error.endpoint} gave no answer (${error.message})`
    )
  ]
  const [depth = { seen: 0, needed: 1 }] = opinions.flatMap(({ verdict }) => depthOf(verdict))
  return {
    _tag: "NotFinal",
    confirmations_seen: depth.seen,
    confirmations_needed: depth.needed,
    reason: `an amount above quorum_above needs ${needed} endpoints of different hosts that agree: ${said.join("; ")}`,
    look_again_after: lookAgainAfter,
    evidence: {
      ...evidenceOf(opinions),
      failures: failures.map((error) => ({
        endpoint: error.endpoint,
        error: error._tag === "NotNow" ? "takes no calls now" : error.message
      }))
    }
  }
}

const depthOf = (
  verdict: Verdict
): ReadonlyArray<{ readonly seen: number; readonly needed: number }> => {
  switch (verdict._tag) {
    case "Confirmed":
      return [{ seen: verdict.confirmations, needed: verdict.confirmations }]
    case "NotFinal":
      return [{ seen: verdict.confirmations_seen, needed: verdict.confirmations_needed }]
    default:
      return []
  }
}

const inWords = (verdict: Verdict): string => {
  switch (verdict._tag) {
    case "Confirmed":
      return `confirmed: ${verdict.amount} by transfer ${verdict.identity.transfer_index} in block ${verdict.block_number} (${verdict.block_hash})`
    case "NotFinal":
      return `not deep enough yet (${verdict.confirmations_seen} of ${verdict.confirmations_needed} confirmations)`
    case "NotFound":
      return "not found"
    case "Reverted":
      return "reverted"
    case "Mismatch":
      return `not the claimed transfer: ${verdict.reason}`
  }
}
