/** The CI script, by its command, with an npm that only notes how it is called. */
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { identify } from "../../src/postgres/embedded-process.ts"

const script = fileURLToPath(new URL("../../.ci/run", import.meta.url))

/** Answers with this report where a test runner would write one, and runs `behaviour` besides. */
const npm = (report: string, behaviour: string) => `#!/bin/sh
echo "npm $*"
[ "$*" = --version ] || echo "$1 $2" >> "$CALLS"
for argument; do
  case $argument in
    --outputFile.json=*) echo '${report}' > "\${argument#*=}" ;;
  esac
done
${behaviour}
`

const threePassed = `{"numPassedTests":3,"numFailedTests":0}`

/** A clone whose path has spaces, with the script in it, and what is needed to run it there. */
const cloneWith = (options: { readonly report?: string; readonly behaviour?: string }) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const root = mkdtempSync(join(tmpdir(), "surehook ci "))
      for (const folder of ["my clone/.ci", "bin", "tmp"]) {
        mkdirSync(join(root, folder), { recursive: true })
      }
      const command = join(root, "my clone/.ci/run")
      copyFileSync(script, command)
      const npmCommand = join(root, "bin/npm")
      writeFileSync(npmCommand, npm(options.report ?? threePassed, options.behaviour ?? ""))
      chmodSync(npmCommand, 0o755)
      const environment = {
        ...process.env,
        PATH: [join(root, "bin"), process.env.PATH].join(delimiter),
        TMPDIR: join(root, "tmp"),
        CALLS: join(root, "calls"),
        NOTES: join(root, "notes")
      }
      return {
        command,
        environment,
        notes: join(root, "notes"),
        calls: () => readFileSync(join(root, "calls"), "utf8").trim().split("\n"),
        leftovers: () => readdirSync(join(root, "tmp")),
        root
      }
    }),
    ({ root }) => Effect.sync(() => rmSync(root, { recursive: true, force: true }))
  )

const runIn = (clone: Effect.Success<ReturnType<typeof cloneWith>>) =>
  Effect.sync(() => {
    const { status, stdout } = spawnSync(clone.command, {
      cwd: "/",
      env: clone.environment,
      encoding: "utf8"
    })
    const lines = stdout.trimEnd().split("\n")
    return { status, lines, lastLine: lines.at(-1) }
  })

describe.skipIf(process.platform !== "linux")("the CI script", () => {
  it.effect("takes every step, and ends with the sum of all tests", () =>
    Effect.gen(function* () {
      const clone = yield* cloneWith({})
      const { lastLine, status } = yield* runIn(clone)
      const [first, one, other, ...rest] = clone.calls()
      assert.strictEqual(first, "ci ")
      // At the same time.
      assert.deepStrictEqual([one, other].toSorted(), ["run test:deno", "test --"])
      assert.deepStrictEqual(rest, ["run check", "run demo"])
      assert.strictEqual(lastLine, "6 passed, 0 failed")
      assert.strictEqual(status, 0)
    })
  )

  it.effect("stops at the first step that fails, and says which", () =>
    Effect.gen(function* () {
      const clone = yield* cloneWith({ behaviour: `[ "$2" != check ] || exit 7` })
      const { lastLine, lines, status } = yield* runIn(clone)
      assert.strictEqual(clone.calls().at(-1), "run check")
      assert.isTrue(lines.some((line) => line.startsWith("=== check FAILED with exit code 7")))
      // Three tests passed on each, and the check is the failure.
      assert.strictEqual(lastLine, "6 passed, 1 failed")
      assert.strictEqual(status, 1)
    })
  )

  it.effect("counts the tests that failed", () =>
    Effect.gen(function* () {
      const clone = yield* cloneWith({
        report: `{"numPassedTests":5,"numFailedTests":2}`,
        behaviour: `[ "$1" != test ] || exit 1`
      })
      const { lastLine, status } = yield* runIn(clone)
      assert.strictEqual(lastLine, "10 passed, 4 failed")
      assert.strictEqual(status, 1)
    })
  )

  it.effect("shows what both suites print, and fails if only the one on Deno does", () =>
    Effect.gen(function* () {
      const clone = yield* cloneWith({ behaviour: `[ "$2" != test:deno ] || exit 3` })
      const { lastLine, lines, status } = yield* runIn(clone)
      assert.isTrue(lines.some((line) => line.startsWith("npm test -- ")))
      assert.isTrue(lines.some((line) => line.startsWith("npm run test:deno -- ")))
      assert.isTrue(lines.some((line) => line.startsWith("=== deno FAILED with exit code 3")))
      assert.strictEqual(lastLine, "6 passed, 1 failed")
      assert.strictEqual(status, 1)
    })
  )

  it.effect("fails if no test ran, whatever the runner says", () =>
    Effect.gen(function* () {
      const none = yield* cloneWith({ report: `{"numPassedTests":0,"numFailedTests":0}` })
      const silent = yield* cloneWith({ report: "" })
      for (const clone of [none, silent]) {
        const { lastLine, lines, status } = yield* runIn(clone)
        assert.include(lines, "=== test FAILED: no test ran")
        assert.strictEqual(lastLine, "0 passed, 1 failed")
        assert.strictEqual(status, 1)
      }
    })
  )

  it.effect("ends what a step left running, and removes what it left in the temporary folder", () =>
    Effect.gen(function* () {
      const clone = yield* cloneWith({
        behaviour: `if [ "$2" = demo ]; then
            touch "$TMPDIR/left"
            cd "$TMPDIR" && env -i setsid sleep 600 > /dev/null & echo $! > "$NOTES"
          fi`
      })
      const { status } = yield* runIn(clone)
      assert.strictEqual(status, 0)
      assert.isUndefined(identify(Number(readFileSync(clone.notes, "utf8"))))
      assert.deepStrictEqual(clone.leftovers(), [])
    })
  )

  it.live("takes its step along when it is interrupted", () =>
    Effect.gen(function* () {
      const clone = yield* cloneWith({
        behaviour: `if [ "$1" = test ]; then echo $$ > "$NOTES"; echo waiting; exec sleep 600; fi`
      })
      const child = spawn(clone.command, {
        env: clone.environment,
        stdio: ["ignore", "pipe", "inherit"]
      })
      const exit = once(child, "exit")
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
      const line = Effect.promise(() => lines.next())
      yield* Effect.repeat(line, { until: ({ value }) => value === "waiting" })
      child.kill("SIGTERM")
      assert.strictEqual((yield* line).value, "")
      assert.strictEqual((yield* line).value, "0 passed, 1 failed")
      yield* Effect.promise(() => exit)
      assert.isUndefined(identify(Number(readFileSync(clone.notes, "utf8"))))
      assert.deepStrictEqual(clone.leftovers(), [])
    })
  )
})
