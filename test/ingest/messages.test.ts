/** What is remembered of the messages that were handled, and what a replay of one can do: nothing. */
import { randomUUID } from "node:crypto"
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { SecureRandom } from "effect/crypto"
import { SqlClient } from "effect/sql/SqlClient"
import { Addresses } from "../../src/addresses/addresses.ts"
import type { ReceivedClaim } from "../../src/deposits/deposits.ts"
import { JobSignal } from "../../src/deposits/job-signal.ts"
import { SourceId } from "../../src/domain/ids.ts"
import { Intake } from "../../src/ingest/intake.ts"
import { type Message, Messages, messageKey } from "../../src/ingest/messages.ts"
import { layer as clientLayer, serviceRole } from "../../src/postgres/client.ts"
import { depositsLayer, readJobs, received } from "../deposits/jobs.ts"
import { TestDatabase } from "../support/postgres.ts"

const intakeLayer = Layer.mergeAll(Intake.layer, Messages.layer).pipe(
  Layer.provideMerge(Layer.mergeAll(Addresses.layer, JobSignal.layer)),
  Layer.provideMerge(depositsLayer),
  Layer.provide(SecureRandom.layerWebCrypto)
)

const message = (fields: Partial<Message> = {}): Message => ({
  source: SourceId.make("main"),
  message_id: `msg_${randomUUID()}`,
  payload_digest: "ab".repeat(32),
  ...fields
})

/** The status of a claim's job after one message about it, and what its provider said last. */
const tell = (received: ReceivedClaim, about: Message) =>
  Effect.gen(function* () {
    const intake = yield* Intake
    const [outcome] = yield* intake.receive({
      message: about,
      transfers: [{ received, from_address: null }]
    })
    if (outcome?._tag !== "Job") return assert.fail("there is no job")
    const [job] = yield* readJobs([outcome.job_id])
    return { report: job?.state.context.provider_report, sequence: job?.sequence }
  })

layer(intakeLayer, { excludeTestServices: true })("a message", (it) => {
  it.effect("is remembered by its source, its id and its body", () =>
    Effect.gen(function* () {
      const messages = yield* Messages
      const known = message()
      const others = [
        message(),
        { ...known, source: SourceId.make("other") },
        { ...known, payload_digest: "cd".repeat(32) }
      ]
      yield* messages.remember([known])
      yield* messages.remember([known])
      assert.deepStrictEqual(
        yield* messages.recall([...others, known]),
        new Set([messageKey(known)])
      )
      assert.deepStrictEqual(yield* messages.recall([]), new Set())
    })
  )

  it.effect("that is replayed brings back nothing that a later one has taken back", () =>
    Effect.gen(function* () {
      const claim = received()
      const [seen, confirmed, removed] = [message(), message(), message()]
      yield* tell(claim, seen)
      yield* tell({ ...claim, report: "confirmed" }, confirmed)
      const after = yield* tell({ ...claim, report: "removed" }, removed)
      assert.deepStrictEqual(after, { report: "removed", sequence: 3 })
      // The captured call, sent again by a stranger or by a provider that got no answer.
      assert.deepStrictEqual(yield* tell({ ...claim, report: "confirmed" }, confirmed), after)
      // The provider's own next word counts.
      assert.deepStrictEqual(yield* tell({ ...claim, report: "confirmed" }, message()), {
        report: "confirmed",
        sequence: 4
      })
    })
  )

  it.effect("is forgotten when no provider sends it any more, and not before", () =>
    Effect.gen(function* () {
      const messages = yield* Messages
      const sql = yield* SqlClient
      const [old, young] = [message(), message()]
      yield* messages.remember([old, young])
      yield* sql`
        UPDATE webhook_messages SET received_at = now() - interval '169 hours'
        WHERE message_id = ${old.message_id}`
      yield* sql`
        UPDATE webhook_messages SET received_at = now() - interval '167 hours'
        WHERE message_id = ${young.message_id}`
      assert.strictEqual(yield* messages.forget, 1)
      assert.deepStrictEqual(yield* messages.recall([old, young]), new Set([messageKey(young)]))
    })
  )

  it.effect("can be remembered, recalled and forgotten by the service's role", () =>
    Effect.gen(function* () {
      const { url } = yield* TestDatabase
      const role = Option.getOrThrow(yield* serviceRole)
      const asService = Messages.layer.pipe(
        Layer.provideMerge(clientLayer({ url, role, maxConnections: 2 }))
      )
      yield* Effect.gen(function* () {
        const messages = yield* Messages
        const one = message()
        yield* messages.remember([one])
        assert.strictEqual((yield* messages.recall([one])).size, 1)
        yield* messages.forget
      }).pipe(Effect.provide(asService, { local: true }))
    })
  )
})
