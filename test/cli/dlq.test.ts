/** `surehook dlq` with the arguments of an operator, on a real database with real dead letters. */
import { userInfo } from "node:os"
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it, layer } from "@effect/vitest"
import { Deferred, Effect, Fiber, Option, Redacted, Schema } from "effect"
import { dlq } from "../../src/cli/dlq.ts"
import { momentFromText } from "../../src/cli/moment.ts"
import type { ReceivedClaim } from "../../src/deposits/deposits.ts"
import type { Job } from "../../src/deposits/job.ts"
import { SourceId, TenantId } from "../../src/domain/ids.ts"
import { readEvents } from "../../src/event-log/event-log.ts"
import { deadLettered } from "../deposits/dead-lettered.ts"
import { depositsLayer, newJobs, readJobs, received, receivedMany } from "../deposits/jobs.ts"
import { surehook } from "../support/command.ts"
import { runInProcess } from "../support/in-process-command.ts"
import { TestDatabase } from "../support/postgres.ts"

const operator = `cli:${userInfo().username}`

const env = Effect.map(TestDatabase, ({ url }) => ({ DATABASE_URL: Redacted.value(url) }))

const runWith = (args: ReadonlyArray<string>, onError?: (text: string) => void) =>
  Effect.flatMap(env, (own) => runInProcess(dlq, own, args, onError && { onError }))

const run = (...args: ReadonlyArray<string>) => runWith(args)

/** Each test has dead letters of its own, by their source. */
let sources = 0
const sourceOfItsOwn = () => {
  sources += 1
  return SourceId.make(`source-${sources}`)
}

const dead = (count: number, fields: Partial<ReceivedClaim>, error?: string) =>
  deadLettered(
    receivedMany(count).map((claim) => ({ ...claim, ...fields })),
    "permanent",
    error
  )

const statusesOf = (jobs: ReadonlyArray<Job>) =>
  Effect.map(readJobs(jobs.map(({ id }) => id)), (now) => now.map(({ state }) => state.status))

const Listed = Schema.fromJsonString(
  Schema.Struct({ jobs: Schema.Array(Schema.Struct({ id: Schema.String })) })
)

const reason = "the token is configured now"

layer(depositsLayer, { excludeTestServices: true })("surehook dlq", (it) => {
  it.effect("lists dead letters with their reason and age, the newest first", () =>
    Effect.gen(function* () {
      const source = sourceOfItsOwn()
      const jobs = yield* dead(3, { source }, "a bell\u0007 and no token")
      const { code, stderr, stdout } = yield* run("list", "--source", source, "--limit", "2")
      assert.strictEqual(code, 0)
      assert.strictEqual(stderr, "The newest 2 of 3: --limit shows more.\n")
      const [head = "", ...rows] = stdout.trimEnd().split("\n")
      assert.match(head, /^JOB +AGE +AMOUNT +CHAIN +TYPE +REASON$/)
      const newest = jobs
        .map(({ id }) => id)
        .toSorted()
        .toReversed()
      assert.deepStrictEqual(
        rows.map((row) => row.slice(0, 36)),
        newest.slice(0, 2)
      )
      for (const row of rows) {
        assert.match(row, / {2}\d+s +1\.5 USDC +localchain +permanent +a bell\ufffd and no token$/)
      }
      const json = yield* run("list", "--source", source, "--since", "1h", "--json")
      const listed = yield* Schema.decodeEffect(Listed)(json.stdout)
      assert.deepStrictEqual(
        listed.jobs.map(({ id }) => id),
        newest
      )
      const causes = yield* run("list", "--source", source, "--by-cause")
      assert.match(causes.stdout, /^3 +localchain +permanent +a bell/m)
      for (const filter of [
        ["--until", "1h"],
        ["--since", "2100-01-01"],
        ["--tenant", "globex"],
        ["--chain", "elsewhere"],
        ["--error-type", "transient"]
      ]) {
        assert.deepStrictEqual(yield* run("list", "--source", source, ...filter), {
          code: 0,
          stdout: "",
          stderr: "There are no such dead letters.\n"
        })
      }
    })
  )

  it.effect("shows a dead letter with its history, and what can be done", () =>
    Effect.gen(function* () {
      const [job] = yield* dead(1, {})
      const id = job?.id ?? assert.fail()
      const { stdout } = yield* run("show", id)
      assert.include(stdout, `Job ${id}\n`)
      assert.include(stdout, "attempt.failed")
      assert.include(stdout, `surehook -- dlq replay ${id} --reason "…"`)
      assert.include(stdout, `surehook -- dlq discard ${id} --reason "…"`)
      yield* run("discard", id, "--reason", "not ours")
      const settled = yield* run("show", id)
      assert.include(settled.stdout, `by ${operator}: not ours`)
      assert.include(settled.stdout, `surehook -- dlq replay ${id} --reason "…"`)
      assert.notInclude(settled.stdout, "dlq discard")
      const [fresh] = yield* newJobs([received()])
      assert.notInclude((yield* run("show", fresh?.id ?? "")).stdout, "dlq replay")
    })
  )

  it.effect("replays the jobs that are named, and says which it could not", () =>
    Effect.gen(function* () {
      const jobs = yield* dead(2, {})
      const [fresh] = yield* newJobs([received()])
      const nobody = "0197a000-0000-7000-8000-000000000009"
      const ids = jobs.map(({ id }) => id)
      const answer = yield* run("replay", ...ids, fresh?.id ?? "", nobody, "--reason", reason)
      assert.deepStrictEqual(answer, {
        code: 1,
        stdout: "2 jobs replayed.\n",
        stderr: `${fresh?.id} is pending, and cannot be replayed.\nThere is no job ${nobody} in this database.\n`
      })
      assert.deepStrictEqual(yield* statusesOf(jobs), ["pending", "pending"])
      const sql = yield* PgClient.PgClient
      for (const { id } of jobs) {
        const last = (yield* readEvents(sql, id)).at(-1)
        assert.deepStrictEqual(
          [last?.type, last?.actor, last?.data],
          ["dlq.replayed", `operator:${operator}`, { operator, reason }]
        )
      }
      const audit = yield* sql`
        SELECT action, actor, reason FROM audit_logs WHERE job_id = ${ids[0] ?? ""}`
      assert.deepStrictEqual(audit, [
        { action: "replay_dlq", actor: `operator:${operator}`, reason }
      ])
    })
  )

  it.effect("counts in a dry run, and then replays all that the filters leave", () =>
    Effect.gen(function* () {
      const source = sourceOfItsOwn()
      const jobs = yield* dead(7, { source })
      const others = yield* dead(2, { source, tenant_id: TenantId.make("globex") })
      const filter = ["--all", "--source", source, "--tenant", "acme", "--rate", "1000"]
      const dry = yield* run("replay", ...filter, "--dry-run")
      assert.deepStrictEqual(dry, { code: 0, stdout: "7 jobs would be replayed.\n", stderr: "" })
      assert.deepStrictEqual(yield* statusesOf(jobs), Array(7).fill("dlq"))
      const some = yield* run("replay", ...filter, "--reason", reason, "--limit", "5")
      assert.deepStrictEqual(some, {
        code: 0,
        stdout: "5 jobs replayed.\n",
        stderr: "2 jobs left: the same command goes on with them.\n"
      })
      const rest = yield* run("replay", ...filter, "--reason", reason)
      assert.deepStrictEqual(rest, { code: 0, stdout: "2 jobs replayed.\n", stderr: "" })
      assert.deepStrictEqual(yield* statusesOf(jobs), Array(7).fill("pending"))
      assert.deepStrictEqual(yield* statusesOf(others), ["dlq", "dlq"])
    })
  )

  it.effect("shows how far it is, and keeps what was replayed when it is stopped", () =>
    Effect.gen(function* () {
      const source = sourceOfItsOwn()
      const jobs = yield* dead(8, { source })
      const isUnderWay = yield* Deferred.make<void>()
      let said = ""
      const running = yield* runWith(
        ["replay", "--all", "--source", source, "--reason", reason, "--rate", "1"],
        (text) => {
          said += `${text}\n`
          Deferred.doneUnsafe(isUnderWay, Effect.void)
        }
      ).pipe(Effect.forkChild)
      yield* Deferred.await(isUnderWay)
      yield* Fiber.interrupt(running)
      assert.match(said, /^\d of 8 jobs replayed …\nStopped: \d jobs? replayed\. The same command/)
      const done = (yield* statusesOf(jobs)).filter((status) => status === "pending").length
      assert.include(said, `Stopped: ${done} job`)
      assert.isAbove(done, 0)
      assert.isBelow(done, 8)
    })
  )

  it.effect("discards what is named, for good", () =>
    Effect.gen(function* () {
      const jobs = yield* dead(2, {})
      const ids = jobs.map(({ id }) => id)
      const answer = yield* run("discard", ...ids, "--reason", "not ours")
      assert.deepStrictEqual(answer, { code: 0, stdout: "2 jobs discarded.\n", stderr: "" })
      const [first] = yield* readJobs(ids)
      assert.strictEqual(first?.state.context.settled_because, "discarded")
      const again = yield* run("discard", ids[0] ?? "", "--reason", "not ours")
      assert.strictEqual(again.code, 1)
      assert.match(again.stderr, /is failed\.settled, and cannot be discarded\.\n$/)
    })
  )

  it.effect("refuses what is not clear, in one line each, and changes nothing", () =>
    Effect.gen(function* () {
      const [job] = yield* dead(1, {})
      const id = job?.id ?? assert.fail()
      const cases: ReadonlyArray<readonly [ReadonlyArray<string>, RegExp]> = [
        [["replay", id], /^Say why with --reason/],
        [["replay", "--all"], /^Say why with --reason/],
        [["discard", id], /^Say why with --reason/],
        [["replay", "--reason", reason], /^Name the jobs to replay, or say --all/],
        [["replay", "--chain", "localchain", "--reason", reason], /^Say --all/],
        [["replay", id, "--all", "--reason", reason], /both at once/],
        [["replay", id, "--dry-run"], /^--dry-run counts/],
        [["discard", "--reason", reason], /^Name the jobs to discard/],
        [["replay", "x", "--reason", reason], /^x is not a job id/]
      ]
      for (const [args, message] of cases) {
        const { code, stderr, stdout } = yield* run(...args)
        assert.deepStrictEqual([code, stdout], [1, ""], args.join(" "))
        assert.match(stderr, message)
        assert.strictEqual(stderr.trimEnd().split("\n").length, 1)
      }
      assert.deepStrictEqual(yield* statusesOf([job].flatMap((one) => one ?? [])), ["dlq"])
    })
  )

  it.effect("is a command of surehook, which says what is wrong with its flags", () =>
    Effect.gen(function* () {
      const [help, wrong] = yield* Effect.all(
        [
          surehook(["dlq", "replay", "--help"]),
          surehook(["dlq", "replay", "--all", "--rate", "0", "--since", "soon", "--reason", " "])
        ],
        { concurrency: 2 }
      )
      assert.strictEqual(help.code, 0)
      assert.include(help.stdout, "--dry-run")
      assert.strictEqual(wrong.code, 1)
      assert.match(wrong.stderr, /a whole number from 1 to 10000|or how long ago|1 to 500/)
      const listed = yield* surehook(["dlq", "list"], { env: yield* env })
      assert.deepStrictEqual([listed.code, listed.stderr], [0, ""])
    })
  )
})

describe("a moment on the command line", () => {
  it("is a date, a time, or how long ago it was", () => {
    const now = Date.parse("2026-03-10T12:00:00Z")
    const cases = [
      ["2h", "2026-03-10T10:00:00.000Z"],
      ["90m", "2026-03-10T10:30:00.000Z"],
      ["30s", "2026-03-10T11:59:30.000Z"],
      ["3d", "2026-03-07T12:00:00.000Z"],
      ["1w", "2026-03-03T12:00:00.000Z"],
      ["2026-01-31", "2026-01-31T00:00:00.000Z"],
      ["2026-01-31T12:30", "2026-01-31T12:30:00.000Z"],
      ["2026-01-31 12:30:05.123", "2026-01-31T12:30:05.123Z"],
      ["2026-01-31T12:30:05+02:00", "2026-01-31T10:30:05.000Z"]
    ] as const
    for (const [text, expected] of cases) {
      const moment = momentFromText(text)
      const at = Option.getOrUndefined(moment)?.(now)
      assert.strictEqual(at?.toISOString(), expected, text)
    }
    for (const text of ["", "soon", "2", "h", "-2h", "2026", "2026-13-01", "2026-01-31T25:00"]) {
      assert.isTrue(Option.isNone(momentFromText(text)), text)
    }
  })
})
