/** What a user of the API sees of jobs, events and balances. */
import { assert } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { EventView, JobView } from "../../src/api/api.ts"
import { awaitState } from "./await.ts"
import { operatorToken } from "./service.ts"
import { type Answer, deliver, request } from "./webhooks.ts"

export const get = (url: string, path: string, token = operatorToken): Effect.Effect<Answer> =>
  request(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } })

const Receipt = Schema.Struct({ status: Schema.String, job_id: Schema.String })

/** Sends a webhook that must be accepted, and gives its job's id. */
export const send = (url: string, body: unknown) =>
  Effect.gen(function* () {
    const answer = yield* deliver(url, body)
    assert.strictEqual(answer.status, 200, answer.text)
    return Schema.decodeUnknownSync(Receipt)(answer.json)
  })

export const jobOf = (url: string, jobId: string) =>
  Effect.map(get(url, `/v1/jobs/${jobId}`), ({ json }) => Schema.decodeUnknownSync(JobView)(json))

const Events = Schema.Struct({ events: Schema.Array(EventView) })

export const eventsOf = (url: string, jobId: string) =>
  Effect.map(
    get(url, `/v1/jobs/${jobId}/events`),
    ({ json }) => Schema.decodeUnknownSync(Events)(json).events
  )

const Balances = Schema.Struct({
  balances: Schema.Array(Schema.Struct({ token: Schema.String, amount: Schema.String }))
})

/** By token; empty where nothing was credited. */
export const balancesOf = (url: string, chain: string, address: string) =>
  Effect.map(get(url, `/v1/accounts/${chain}/${address}`), ({ status, json }) =>
    status === 404
      ? {}
      : Object.fromEntries(
          Schema.decodeUnknownSync(Balances)(json).balances.map(({ token, amount }) => [
            token,
            amount
          ])
        )
  )

export const awaitStatus = (url: string, jobId: string, status: string) =>
  awaitState(`the status ${status}`, jobOf(url, jobId), (job) => job.status === status)
