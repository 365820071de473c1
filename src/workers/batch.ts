/**
 * The work on one claimed batch: look up whose they are, validate all at once, settle each as soon as
 * it is known.
 *
 *     claimed ─▶ recipients ──┬─ verify ─┐
 *                             ├─ verify ─┼─▶ findings ─▶ settle as many as are there, in one transaction
 *                             └─ refuse ─┘
 *     heartbeat: every third of the lease, the leases of those still unsettled are extended
 *
 * A slow job holds up no other of its batch. What is unsettled when the work is interrupted is
 * released; what cannot even be released comes back when its lease expires.
 */
import { Clock, Duration, Effect, Queue, Schedule, Semaphore } from "effect"
import type { SqlError } from "effect/sql"
import type { DepositTransition } from "../../machines/deposit-events.ts"
import type { Addresses } from "../addresses/addresses.ts"
import { Validator } from "../chains/validator.ts"
import type { SurehookConfig } from "../config/surehook-config.ts"
import { Deposits } from "../deposits/deposits.ts"
import { advance, type Job, TransitionRefused } from "../deposits/job.ts"
import { claimOf } from "../deposits/job-claim.ts"
import type { JobId } from "../domain/ids.ts"
import { isDatabaseAway } from "../postgres/database-away.ts"
import { addressUnknown, type Finding, findingOf } from "../settlement/finding.ts"
import { annotateJob, logSettled } from "../settlement/job-log.ts"
import { type Recipient, recipientsOf } from "../settlement/recipients.ts"
import { type Found, Settlement } from "../settlement/settlement.ts"

/** Heartbeats in the length of a lease: two may fail before the lease is lost. */
const heartbeatsPerLease = 3
/** Far longer than any endpoint is waited for: this is for a validator that is stuck. */
const verifyTimeout = Duration.minutes(5)
const releaseTimeout = Duration.seconds(3)
/** For a database that hangs. */
const recipientsTimeout = Duration.seconds(10)
const databaseAwayPauses = Schedule.min([
  Schedule.exponential("100 millis"),
  Schedule.spaced("2 seconds")
])

export interface BatchOptions {
  readonly worker: string
  readonly lease: Duration.Duration
  /** Called with the time at which a settled job is due again, in milliseconds since 1970. */
  readonly onDue: (dueAt: number) => void
}

interface Known {
  readonly id: JobId
  readonly finding: Finding
}

export const workOn = Effect.fnUntraced(function* (
  jobs: ReadonlyArray<Job>,
  options: BatchOptions
): Effect.fn.Return<void, never, Addresses | Deposits | Settlement | SurehookConfig | Validator> {
  const deposits = yield* Deposits
  const settlement = yield* Settlement
  const validator = yield* Validator
  const { worker, lease, onDue } = options

  /** The jobs whose leases we hold, each as of its newest event. */
  const held = new Map<JobId, Job>(jobs.map((job) => [job.id, job]))
  const findings = yield* Queue.unbounded<Known>()
  // Heartbeat and settlement both append to the same jobs, so they take turns.
  const turn = Semaphore.makeUnsafe(1)

  /**
   * Until the registered addresses can be read nothing may be credited, and nothing has to fail: the
   * heartbeat keeps what we hold.
   */
  const recipients = recipientsOf(jobs).pipe(
    Effect.timeout(recipientsTimeout),
    Effect.tapError(({ message }) =>
      Effect.logWarning(`the registered addresses could not be read, trying again: ${message}`)
    ),
    Effect.retry(databaseAwayPauses),
    Effect.orDie
  )

  const find = (job: Job, recipient: Recipient) =>
    (recipient._tag === "Refused" ? Effect.succeed(addressUnknown) : verify(job)).pipe(
      Effect.flatMap((finding) =>
        Queue.offer(findings, { id: job.id, finding: withAccount(finding, recipient) })
      )
    )

  const verify = (job: Job): Effect.Effect<Finding> =>
    Effect.suspend(() => validator.verify(claimOf(job))).pipe(
      Effect.timeoutOrElse({
        duration: verifyTimeout,
        orElse: () => Effect.die(new Error("the validator gave no answer"))
      }),
      Effect.tapDefect((defect) => Effect.logError("the validator failed unexpectedly", defect)),
      annotateJob(job),
      Effect.exit,
      Effect.map(findingOf),
      Effect.flatMap((finding) => excuseOutage(job, finding))
    )

  /**
   * The failure that opens a chain's last circuit, or keeps it open, is the chain's outage and not
   * the deposit's: it costs no attempt.
   */
  const excuseOutage = (job: Job, finding: Finding): Effect.Effect<Finding> =>
    finding._tag === "Failure" && finding.error_type === "rpc_failure"
      ? Effect.map(validator.claimableChains, (chains) =>
          chains.some((chain) => chain === job.state.context.chain)
            ? finding
            : { _tag: "CircuitsOpen", retry_after: finding.retry_after ?? Duration.zero }
        )
      : Effect.succeed(finding)

  /** Returns how many are still ours and did not get the event. */
  const appendToHeld = (event: (job: Job, recordedAt: string) => DepositTransition) =>
    Effect.gen(function* () {
      const recordedAt = new Date(yield* Clock.currentTimeMillis).toISOString()
      const advances = [...held.values()].flatMap((job) => {
        const made = advance(job, event(job, recordedAt), `worker:${worker}`)
        return made instanceof TransitionRefused ? [] : [made]
      })
      const appended = yield* deposits.append(advances)
      const overtaken: Array<Job> = []
      for (const { job } of advances) {
        if (appended.has(job.id)) held.set(job.id, job)
        else overtaken.push(held.get(job.id) ?? job)
      }
      const ours = yield* keepOurs(overtaken)
      return ours.size
    })

  /**
   * Somebody has appended to these jobs. What was said on the side takes nothing from us, and neither
   * does an event of our own of which we did not hear that it was durable. Returns those we still hold.
   */
  const keepOurs = Effect.fnUntraced(function* (overtaken: ReadonlyArray<Job>) {
    if (overtaken.length === 0) return new Map<JobId, Job>()
    const ours = yield* deposits.heldBy(worker, overtaken)
    for (const job of overtaken) {
      const now = ours.get(job.id)
      if (now !== undefined) held.set(job.id, now)
      else {
        held.delete(job.id)
        yield* logLost(job)
      }
    }
    return ours
  })

  const heartbeat = Effect.gen(function* () {
    const leaseUntil = (yield* Clock.currentTimeMillis) + Duration.toMillis(lease)
    const lease_until = new Date(leaseUntil).toISOString()
    yield* appendToHeld((_, recorded_at) => ({
      type: "lease.extended",
      recorded_at,
      worker,
      lease_until
    }))
  }).pipe(
    turn.withPermits(1),
    Effect.uninterruptible,
    // The next one, or the settlement, tries again.
    Effect.catchCause((cause) => Effect.logWarning("leases could not be extended", cause)),
    Effect.delay(Duration.times(lease, 1 / heartbeatsPerLease)),
    Effect.forever
  )

  const giveUp = (ids: ReadonlyArray<JobId>) => {
    for (const id of ids) held.delete(id)
  }

  /** Reports what is settled before it does anything that can fail, so that a retry does only the rest. */
  const settleFound = (found: ReadonlyArray<Found>): Effect.Effect<void, SqlError.SqlError> =>
    Effect.gen(function* () {
      if (found.length === 0) return
      const { settled, lost } = yield* settlement.settle(`worker:${worker}`, found)
      const open = new Set(lost.map(({ id }) => id))
      giveUp(found.flatMap(({ job: { id } }) => (open.has(id) ? [] : [id])))
      for (const one of settled) {
        const due = one.job.state.context.next_retry_at
        if (due !== null) onDue(Date.parse(due))
        yield* logSettled(one)
      }
      const ours = yield* keepOurs(lost)
      yield* settleFound(
        found.flatMap(({ job: { id }, finding }) => {
          const job = ours.get(id)
          return job === undefined ? [] : [{ job, finding }]
        })
      )
    })

  /** Those of `known` that are still ours. Not left half done when we are interrupted. */
  const attempt = (known: ReadonlyArray<Known>) =>
    Effect.suspend(() =>
      settleFound(
        known.flatMap(({ id, finding }): ReadonlyArray<Found> => {
          const job = held.get(id)
          return job === undefined ? [] : [{ job, finding }]
        })
      )
    ).pipe(Effect.uninterruptible, turn.withPermits(1))

  const settle = (known: ReadonlyArray<Known>): Effect.Effect<void> =>
    attempt(known).pipe(
      Effect.retry({ schedule: databaseAwayPauses, while: isDatabaseAway }),
      Effect.timeout(lease),
      Effect.catchCause((cause) => {
        const [only, ...others] = known
        if (others.length > 0) {
          return Effect.forEach(known, (one) => settle([one]), { discard: true })
        }
        if (only !== undefined) giveUp([only.id])
        return Effect.logError("a deposit could not be settled: its lease will expire", cause).pipe(
          Effect.annotateLogs({ job_id: only?.id })
        )
      })
    )

  const settleAll = Effect.gen(function* () {
    for (let open = jobs.length; open > 0; ) {
      const known = yield* Queue.takeBetween(findings, 1, open)
      open -= known.length
      yield* settle(known)
    }
  })

  const release = Effect.suspend(() =>
    appendToHeld((_, recorded_at) => ({
      type: "processing.released",
      recorded_at,
      reason: "shutdown",
      look_again_at: null
    }))
  ).pipe(
    Effect.repeat({ while: (overtaken) => overtaken > 0 }),
    // A finalizer is uninterruptible, and a timeout works by interruption.
    Effect.interruptible,
    Effect.timeout(releaseTimeout),
    Effect.catchCause((cause) =>
      Effect.logWarning("deposits could not be released: their leases will expire", cause)
    )
  )

  yield* Effect.scoped(
    Effect.gen(function* () {
      yield* Effect.forkScoped(heartbeat)
      const known = yield* recipients
      yield* Effect.forkScoped(
        Effect.forEach(known, ({ job, recipient }) => find(job, recipient), {
          concurrency: "unbounded",
          discard: true
        })
      )
      yield* settleAll
    })
  ).pipe(
    // The caller is not, so that no interruption comes between the claim and this.
    Effect.interruptible,
    Effect.onInterrupt(() => release)
  )
})

const withAccount = (finding: Finding, recipient: Recipient): Finding =>
  finding._tag === "Confirmed" && recipient._tag === "Registered"
    ? { ...finding, account_reference: recipient.account_reference }
    : finding

const logLost = (job: Job) =>
  Effect.logWarning("the lease was lost to another worker, whose result counts").pipe(
    annotateJob(job)
  )
