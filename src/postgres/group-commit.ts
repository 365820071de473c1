/**
 * Group commit: what many fibers want to write at the same moment is written by one transaction.
 *
 * One durable commit costs the same for one item as for two hundred. While a commit is under way,
 * the next batch gathers, so batches grow with the load and an idle system waits for nothing.
 *
 *     submit ─▶ bounded queue ─▶ committer 1 ─▶ commit(batch)
 *                            └─▶ committer 2 ─▶ …            (each waits for its own commit)
 *
 * A failing member does not fail its batch: the members are then committed one by one. A batch
 * that failed because the database is away fails whole, since each member would fail the same.
 */
import { Cause, Deferred, Effect, Queue, Schema, type Scope } from "effect"
import type { SqlError } from "effect/sql"
import { isDatabaseAway } from "./database-away.ts"

export interface GroupCommitOptions<Item, Result> {
  /** Writes all, durably or not at all; results in the items' order. */
  readonly commit: (
    items: ReadonlyArray<Item>
  ) => Effect.Effect<ReadonlyArray<Result>, SqlError.SqlError>
  readonly maxBatch: number
  /** How much work an item is; 1 if it is not set. A batch is cut where it would be too much at once. */
  readonly weightOf?: (item: Item) => number
  readonly maxBatchWeight?: number
  /** In all that wait. */
  readonly maxWaitingWeight?: number
  /** More than this are turned away. */
  readonly maxWaiting: number
  /** Commits under way at a time. */
  readonly committers: number
}

export interface GroupCommit<Item, Result> {
  /** Succeeds when the item is durable. */
  readonly submit: (item: Item) => Effect.Effect<Result, SqlError.SqlError | GroupCommitFull>
}

/** As many wait already as the limit allows: come back later. */
export class GroupCommitFull extends Schema.TaggedError<GroupCommitFull>()("GroupCommitFull", {
  message: Schema.String
}) {}

interface Waiting<Item, Result> {
  readonly item: Item
  readonly done: Deferred.Deferred<Result, SqlError.SqlError>
}

const isAway = (cause: Cause.Cause<SqlError.SqlError>): boolean =>
  cause.reasons.some((reason) => Cause.isFailReason(reason) && isDatabaseAway(reason.error))

export const makeGroupCommit = <Item, Result>(
  options: GroupCommitOptions<Item, Result>
): Effect.Effect<GroupCommit<Item, Result>, never, Scope.Scope> =>
  Effect.gen(function* () {
    type Member = Waiting<Item, Result>
    const queue = yield* Queue.dropping<Member>(options.maxWaiting)

    const { maxBatchWeight = options.maxBatch, maxWaitingWeight = Number.POSITIVE_INFINITY } =
      options
    const weightOf = options.weightOf ?? (() => 1)
    let waitingWeight = 0

    /** Parts that are not too heavy, if they hold more than one member. */
    const parts = (members: ReadonlyArray<Member>): ReadonlyArray<ReadonlyArray<Member>> => {
      const all: Array<Array<Member>> = []
      let weight = Number.POSITIVE_INFINITY
      for (const member of members) {
        const own = weightOf(member.item)
        if (weight + own > maxBatchWeight) {
          all.push([])
          weight = 0
        }
        all.at(-1)?.push(member)
        weight += own
      }
      return all
    }

    const settleParts = (members: ReadonlyArray<Member>) => {
      for (const { item } of members) waitingWeight -= weightOf(item)
      return Effect.forEach(parts(members), settle, { discard: true })
    }

    const commitAll = (members: ReadonlyArray<Member>): Effect.Effect<void, SqlError.SqlError> =>
      Effect.gen(function* () {
        const results = yield* options.commit(members.map(({ item }) => item))
        for (const [index, result] of results.entries()) {
          const member = members[index]
          if (member !== undefined) Deferred.doneUnsafe(member.done, Effect.succeed(result))
        }
      })

    /** Whatever happens, every member gets an answer. */
    const settle = (members: ReadonlyArray<Member>): Effect.Effect<void> =>
      commitAll(members).pipe(
        Effect.catchCause((cause) =>
          members.length === 1 || Cause.hasInterrupts(cause) || isAway(cause)
            ? Effect.forEach(members, ({ done }) => Deferred.failCause(done, cause), {
                discard: true
              })
            : Effect.forEach(members, (member) => settle([member]), { discard: true })
        )
      )

    const committer = Effect.uninterruptibleMask((restore) =>
      // A commit under way is finished also at a shutdown, so that its members are told the truth.
      restore(Queue.takeBetween(queue, 1, options.maxBatch)).pipe(Effect.flatMap(settleParts))
    ).pipe(Effect.forever)

    // Runs after the committers have ended: who still waits is served, not forgotten.
    yield* Effect.addFinalizer(() => Effect.flatMap(Queue.clear(queue), settleParts))
    yield* Effect.forEach(Array.from({ length: options.committers }), () =>
      Effect.forkScoped(committer)
    )

    return {
      submit: (item) =>
        Effect.suspend((): Effect.Effect<Result, SqlError.SqlError | GroupCommitFull> => {
          const done = Deferred.makeUnsafe<Result, SqlError.SqlError>()
          const weight = weightOf(item)
          const isFull = waitingWeight > 0 && waitingWeight + weight > maxWaitingWeight
          if (isFull || !Queue.offerUnsafe(queue, { item, done })) {
            return Effect.fail(
              new GroupCommitFull({
                message: "as much is waiting for the database already as the limits allow"
              })
            )
          }
          waitingWeight += weight
          return Deferred.await(done)
        })
    }
  })
