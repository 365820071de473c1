/**
 * One entry of the event log, and the chain of hashes that binds a job's entries together.
 *
 *     hash(n) = SHA-256( hash(n-1) ‖ RFC 8785 canonical JSON of entry n )
 *
 * The first entry's previous hash is 32 zero bytes. Canonical JSON makes the hash depend on what
 * an entry says and not on how a database or a language happens to print it.
 */
import { hash } from "node:crypto"
import type { Schema } from "effect"
import type { JobId } from "../domain/ids.ts"
import { canonicalJson } from "./canonical-json.ts"

/** What an entry says; everything here is under the hash. */
export interface EventContent {
  readonly job_id: JobId
  /** 1…n without gaps, per job. */
  readonly sequence: number
  readonly type: string
  readonly schema_version: number
  readonly data: Schema.JsonObject
  /** The machine's state before and after, such as "failed.scheduled"; null before the first. */
  readonly from_state: string | null
  readonly to_state: string
  /** Who did it: "source:main", "worker:host-1/3", "operator:ann", "reconciler". */
  readonly actor: string
  readonly trace_id: string | null
  /** ISO 8601, UTC, milliseconds. */
  readonly recorded_at: string
}

export interface EventRecord extends EventContent {
  /** 64 lower-case hex digits. */
  readonly previous_hash: string
  readonly hash: string
}

export const genesisHash = "0".repeat(64)

/** The entry with its place in the chain of hashes. Throws NotCanonical. */
export const chainEvent = (previousHash: string, content: EventContent): EventRecord => ({
  ...content,
  previous_hash: previousHash,
  hash: hashOf(previousHash, content)
})

/** What the entry's hash must be. Throws NotCanonical. */
export const hashOf = (previousHash: string, content: EventContent): string => {
  // An entry's own fields in canonical order, written out because this runs for every event.
  const canonical =
    `{"actor":${canonicalJson(content.actor)}` +
    `,"data":${canonicalJson(content.data)}` +
    `,"from_state":${canonicalJson(content.from_state)}` +
    `,"job_id":${canonicalJson(content.job_id)}` +
    `,"recorded_at":${canonicalJson(content.recorded_at)}` +
    `,"schema_version":${canonicalJson(content.schema_version)}` +
    `,"sequence":${canonicalJson(content.sequence)}` +
    `,"to_state":${canonicalJson(content.to_state)}` +
    `,"trace_id":${canonicalJson(content.trace_id)}` +
    `,"type":${canonicalJson(content.type)}}`
  return hash("sha256", Buffer.concat([Buffer.from(previousHash, "hex"), Buffer.from(canonical)]))
}
