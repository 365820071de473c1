/** The chain of hashes: what an auditor with another tool must compute, and what it covers. */
import { createHash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { JobId } from "../../src/domain/ids.ts"
import {
  chainEvent,
  type EventContent,
  genesisHash,
  hashOf
} from "../../src/event-log/event-record.ts"

const content: EventContent = {
  job_id: JobId.make("0197a000-0000-7000-8000-000000000001"),
  sequence: 2,
  type: "attempt.failed",
  schema_version: 1,
  data: { next_retry_at: null, error: "5xx “tempörary” 😀", evidence: { z: 1, a: [1e21, 0.5] } },
  from_state: "processing",
  to_state: "failed.scheduled",
  actor: "worker:host-1/3",
  trace_id: null,
  recorded_at: "2026-01-02T03:04:05.678Z"
}

const canonicalContent =
  '{"actor":"worker:host-1/3","data":{"error":"5xx “tempörary” 😀",' +
  '"evidence":{"a":[1e+21,0.5],"z":1},"next_retry_at":null},"from_state":"processing",' +
  '"job_id":"0197a000-0000-7000-8000-000000000001","recorded_at":"2026-01-02T03:04:05.678Z",' +
  '"schema_version":1,"sequence":2,"to_state":"failed.scheduled","trace_id":null,' +
  '"type":"attempt.failed"}'

describe("an entry's hash", () => {
  it("is SHA-256 over the previous hash's bytes and the entry's canonical JSON", () => {
    const previous = "a1".repeat(32)
    const expected = createHash("sha256")
      .update(Buffer.alloc(32, 0xa1))
      .update(canonicalContent, "utf8")
      .digest("hex")
    assert.strictEqual(hashOf(previous, content), expected)
  })

  it("is a known value for a known entry, so that old logs stay verifiable", () => {
    assert.strictEqual(
      hashOf(genesisHash, content),
      "a1348af7e8a690861079dfeb5e3ed8f819598a83e2726616f766de1aab0cc7dc"
    )
  })

  it("does not depend on the order of members", () => {
    const reordered = {
      ...content,
      data: Object.fromEntries(Object.entries(content.data).reverse())
    }
    assert.strictEqual(hashOf(genesisHash, reordered), hashOf(genesisHash, content))
  })

  const Text = Schema.String.pipe(Schema.check(Schema.makeFilter((text) => text.isWellFormed())))
  const Content = Schema.Struct({
    job_id: Text.pipe(Schema.brand("JobId")),
    sequence: Schema.Int,
    type: Text,
    schema_version: Schema.Int,
    data: Schema.Struct({ error: Text, next: Schema.NullOr(Schema.Int) }),
    from_state: Schema.NullOr(Text),
    to_state: Text,
    actor: Text,
    trace_id: Schema.NullOr(Text),
    recorded_at: Text
  })

  it.prop("covers every field of the entry", [Content, Content], ([one, other]) => {
    const names = Object.keys(one).filter((name): name is keyof EventContent => name in content)
    assert.sameMembers(names, Object.keys(content))
    for (const name of names) {
      const changed = { ...one, [name]: other[name] }
      const same = JSON.stringify(one[name]) === JSON.stringify(other[name])
      assert.strictEqual(hashOf(genesisHash, changed) === hashOf(genesisHash, one), same, name)
    }
  })

  it("covers the previous hash, and so the whole history before it", () => {
    const first = chainEvent(genesisHash, { ...content, sequence: 1 })
    const second = chainEvent(first.hash, content)
    assert.strictEqual(second.previous_hash, first.hash)
    const forged = chainEvent(genesisHash, { ...content, sequence: 1, actor: "operator:eve" })
    assert.notStrictEqual(chainEvent(forged.hash, content).hash, second.hash)
  })
})
