/**
 * The depositors and their provider: makes the planned transactions, and sends each webhook until it
 * is answered with 200, as providers do.
 */
import { createHmac } from "node:crypto"
import { Clock, Duration, Effect, Option, Schema } from "effect"
import { TxHash } from "../../src/domain/chain.ts"
import { attoOfUnits, shown } from "./checker/amounts.ts"
import type { Acknowledged } from "./checker/facts.ts"
import type { Instance } from "./instance.ts"
import { chainName, etherDecimals, type LocalChain, tokenDecimals } from "./local-chain.ts"
import type { PlannedTransaction, PlannedWebhook } from "./plan.ts"
import type { Random } from "./random.ts"

export interface LoadFigures {
  transactions: number
  /** Each attempt to deliver one. */
  sent: number
  /** Attempts without a 200, by what came instead. */
  readonly failed: Map<string, number>
  /** Webhooks of which no attempt has had a 200 yet. */
  open: number
  readonly acknowledged: Array<Acknowledged>
}

export const noLoad = (): LoadFigures => ({
  transactions: 0,
  sent: 0,
  failed: new Map(),
  open: 0,
  acknowledged: []
})

export interface LoadOptions {
  readonly plan: ReadonlyArray<PlannedTransaction>
  readonly chain: LocalChain
  readonly instances: readonly [Instance, ...ReadonlyArray<Instance>]
  /** `whsec_…` */
  readonly secret: string
  readonly random: Random
  readonly figures: LoadFigures
}

/** As long as a provider waits for an answer. */
const answerTimeout = Duration.seconds(5)
const longestUnmined = Duration.seconds(20)
const leastRetryMillis = 200
const mostRetryMillis = 1500
const lookEveryMillis = 200

const Answer = Schema.Struct({ jobs: Schema.Array(Schema.Struct({ job_id: Schema.String })) })
const decodeAnswer = Schema.decodeUnknownEffect(Answer)

interface Claim {
  readonly chain: string
  readonly tx_hash: string
  readonly token: string
  readonly amount: string
  readonly to_address: string
  readonly transfer_index?: number
}

const sign = (secret: string, id: string, timestamp: string, body: string): string => {
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64")
  return `v1,${createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64")}`
}

const post = (url: string, secret: string, id: string, claim: Claim) =>
  Effect.flatMap(Clock.currentTimeMillis, (now) =>
    Effect.tryPromise(async (signal) => {
      const body = JSON.stringify(claim)
      const timestamp = `${Math.floor(now / 1000)}`
      const response = await fetch(`${url}/v1/webhooks/main`, {
        method: "POST",
        body,
        headers: {
          "content-type": "application/json",
          "webhook-id": id,
          "webhook-timestamp": timestamp,
          "webhook-signature": sign(secret, id, timestamp, body)
        },
        signal
      })
      const text = await response.text()
      return { status: response.status, text }
    })
  ).pipe(Effect.timeout(answerTimeout))

/** Of a transaction that never was. */
const invented = (random: Random): TxHash => TxHash.make(`0x${random.hex(64)}`)

export const runLoad = Effect.fnUntraced(function* (options: LoadOptions) {
  const { chain, figures, instances, plan, random, secret } = options

  const attempt = (id: string, claim: Claim) =>
    Effect.gen(function* () {
      figures.sent++
      const url = random.pick(instances).url()
      if (url === undefined) return yield* Effect.fail("nobody listens yet")
      const { status, text } = yield* post(url, secret, id, claim)
      if (status !== 200) return yield* Effect.fail(`answered with ${status}`)
      const json: unknown = JSON.parse(text)
      const { jobs } = yield* decodeAnswer(json)
      figures.acknowledged.push({
        message_id: id,
        tx_hash: claim.tx_hash,
        token: claim.token,
        amount: claim.amount,
        to_address: claim.to_address,
        transfer_index: claim.transfer_index ?? null,
        job_ids: jobs.map(({ job_id }) => job_id)
      })
    })

  const deliver = (id: string, claim: Claim) =>
    attempt(id, claim).pipe(
      Effect.tapError((why) =>
        Effect.suspend(() => {
          const instead = typeof why === "string" ? why : "no answer"
          figures.failed.set(instead, (figures.failed.get(instead) ?? 0) + 1)
          return Effect.sleep(random.integer(leastRetryMillis, mostRetryMillis))
        })
      ),
      // Bounded by the harness, which ends the load when the run has not settled in time.
      Effect.retry({ while: () => true }),
      Effect.orDie
    )

  /** Awaits that the transaction is mined; undefined if the log is not there then. */
  const indexOf = (hash: TxHash, position: number): Effect.Effect<number> =>
    Effect.flatMap(chain.logIndex(hash, position), (index) =>
      index === undefined
        ? Effect.andThen(Effect.sleep(lookEveryMillis), indexOf(hash, position))
        : Effect.succeed(index)
    )

  const announce = (planned: PlannedTransaction, hash: TxHash, webhook: PlannedWebhook) =>
    Effect.gen(function* () {
      const payment = planned.payments[webhook.payment]
      if (payment === undefined) return
      yield* Effect.sleep(webhook.delayMillis)
      const decimals = payment.token === "ETH" ? etherDecimals : tokenDecimals
      const index = webhook.withIndex
        ? yield* Effect.timeoutOption(indexOf(hash, webhook.payment), longestUnmined)
        : Option.none()
      yield* deliver(webhook.id, {
        chain: chainName,
        tx_hash: hash,
        token: payment.token,
        amount: shown(attoOfUnits(payment.units + webhook.excess, decimals)),
        to_address: payment.to,
        // A reorganisation may have dropped it: then the provider never saw its log.
        ...(Option.isNone(index) ? {} : { transfer_index: index.value })
      })
      figures.open--
    })

  const perform = (planned: PlannedTransaction) =>
    Effect.gen(function* () {
      const hash = planned.kind === "invented" ? invented(random) : yield* chain.send(planned)
      figures.transactions++
      figures.open += planned.webhooks.length
      yield* Effect.forEach(planned.webhooks, (webhook) => announce(planned, hash, webhook), {
        concurrency: "unbounded",
        discard: true
      })
    })

  const begin = yield* Clock.currentTimeMillis
  yield* Effect.forEach(
    plan,
    (planned) =>
      Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        yield* Effect.sleep(Math.max(begin + planned.atMillis - now, 0))
        yield* perform(planned)
      }),
    { concurrency: "unbounded", discard: true }
  )
})
