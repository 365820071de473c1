/** Signs one webhook with a source's secret, posts it, and says what the service answered. */
import { randomUUID } from "node:crypto"
import { layerNodeHttp } from "@effect/platform-node/NodeHttpClient"
import { Clock, Console, Effect, FileSystem, Layer, Option, Stdio, Stream } from "effect"
import { HttpClientRequest } from "effect/http"
import { nearestName } from "../../config/nearest-name.ts"
import { Settings } from "../../config/settings.ts"
import { SurehookConfig } from "../../config/surehook-config.ts"
import { configLayer } from "../../ingest/config-layer.ts"
import { signingKey, standardHeaders } from "../../ingest/providers/standard-signature.ts"
import { type CommandRefused, refuse } from "../failure.ts"
import type { SendInput } from "../send.ts"
import { accepted, ask, serviceUrl } from "./service-client.ts"
import { tokenFor, waitUntilSettled } from "./wait.ts"

export const sendWebhook = (input: SendInput) =>
  Effect.gen(function* () {
    const config = yield* SurehookConfig
    const source = yield* chosen("source", input.source, config.sources)
    const key = yield* Effect.catch(Effect.fromResult(signingKey(source)), refuse)
    const url = yield* serviceUrl(yield* Settings, input.url)
    const body = yield* bodyOf(input, config)
    // Asked for first: a webhook that is sent cannot be taken back.
    const token = input.wait ? yield* tokenFor(config, source) : undefined
    const id = Option.getOrElse(input.id, () => `msg_${randomUUID()}`)

    const answer = yield* ask(url, yield* signed(`${url}/v1/webhooks/${source.id}`, key, id, body))
    const { jobs, status } = yield* accepted(answer)
    yield* Console.log(`${answer.status} ${status}: source ${source.id}, webhook-id ${id}`)
    for (const { job_id, status } of jobs) {
      yield* Console.log(`job ${job_id}${token === undefined ? ` is ${status}` : ""}`)
      if (token !== undefined) yield* waitUntilSettled(url, token, job_id)
    }
    const [first] = jobs
    if (token === undefined && first !== undefined) {
      yield* Console.log(`Its history: npm run surehook -- jobs show ${first.job_id}`)
    }
  }).pipe(
    Effect.provide(Layer.merge(layerNodeHttp, configLayer.pipe(Layer.provideMerge(Settings.layer))))
  )

/** The named one, or the only one. */
const chosen = <Name extends string, A>(
  what: "source" | "chain",
  wanted: Option.Option<string>,
  known: ReadonlyMap<Name, A>
): Effect.Effect<A, CommandRefused> => {
  const names = [...known.keys()]
  const all = names.length === 0 ? "none" : names.join(", ")
  if (Option.isNone(wanted)) {
    const [only, ...others] = known.values()
    return only !== undefined && others.length === 0
      ? Effect.succeed(only)
      : refuse(`Choose a ${what} with --${what}: the config has ${all}.`)
  }
  const found = [...known].find(([name]) => name === wanted.value)
  if (found !== undefined) return Effect.succeed(found[1])
  const nearest = nearestName(wanted.value, names)
  const hint = nearest === undefined ? `it has ${all}` : `did you mean ${nearest}?`
  return refuse(`The config has no ${what} ${wanted.value}: ${hint}`)
}

const bodyOf = (input: SendInput, { chains }: SurehookConfig["Service"]) =>
  Option.match(input.body, {
    onSome: readBody,
    onNone: () =>
      Effect.gen(function* () {
        // A chain that was named is sent as it is: refusing it is for the service to show.
        const chain = Option.isSome(input.chain)
          ? input.chain.value
          : (yield* chosen("chain", input.chain, chains)).name
        const fields = {
          chain,
          tx_hash: Option.getOrUndefined(input.txHash),
          token: Option.getOrUndefined(input.token),
          amount: Option.getOrUndefined(input.amount),
          to_address: Option.getOrUndefined(input.to),
          transfer_index: Option.getOrUndefined(input.transferIndex)
        }
        return new TextEncoder().encode(JSON.stringify(fields))
      })
  })

const readBody = Effect.fnUntraced(function* (path: string) {
  if (path === "-") {
    const { stdin } = yield* Stdio.Stdio
    return Buffer.concat(yield* Stream.runCollect(stdin))
  }
  const fs = yield* FileSystem.FileSystem
  return yield* Effect.catch(fs.readFile(path), () => refuse(`${path} cannot be read as a file.`))
})

const signed = Effect.fnUntraced(function* (
  url: string,
  key: Uint8Array,
  id: string,
  body: Uint8Array
) {
  return HttpClientRequest.post(url).pipe(
    HttpClientRequest.setHeaders(standardHeaders(key, id, yield* Clock.currentTimeMillis, body)),
    HttpClientRequest.bodyUint8Array(body, "application/json")
  )
})
