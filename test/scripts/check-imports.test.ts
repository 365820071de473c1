/** The import rule, by its command, on small houses made for the test. */
import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"

const script = fileURLToPath(new URL("../../scripts/check-imports.ts", import.meta.url))

/** Runs the check on a folder with these files. */
const check = (files: Readonly<Record<string, string>>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "surehook imports "))),
    (root) =>
      Effect.sync(() => {
        for (const [name, text] of Object.entries(files)) {
          mkdirSync(dirname(join(root, name)), { recursive: true })
          writeFileSync(join(root, name), text)
        }
        const run = spawnSync(
          process.execPath,
          [...("Deno" in globalThis ? ["run", "-A"] : []), script, root],
          { encoding: "utf8" }
        )
        const complaints = run.stderr.trim().split("\n")
        const lastWord = complaints.pop()
        return { status: run.status, stdout: run.stdout.trim(), complaints, lastWord }
      }),
    (root) => Effect.sync(() => rmSync(root, { recursive: true, force: true }))
  )

describe("the import rule", () => {
  it.effect("lets a house stand in which everybody imports downwards", () =>
    Effect.gen(function* () {
      const { status, stdout } = yield* check({
        "machines/deposit-events.ts": `import * as Schema from "effect/Schema"`,
        "machines/deposit.ts": `import { setup } from "xstate"\nimport "./deposit-events.ts"`,
        "src/domain/chain.ts": `import { Schema } from "effect"`,
        "src/deposits/job.ts": `import "../../machines/deposit.ts"\nimport "../domain/chain.ts"`,
        "src/chains/rpc/limits.ts": `import "node:fs"\nimport "../validator.ts"`,
        "src/chains/validator.ts": "export {}",
        "src/workers/lease.ts": `import "../chains/validator.ts"\nimport "../deposits/job.ts"`,
        "src/service.ts": `import "./workers/lease.ts"`,
        "src/cli/serve.ts": `import "../service.ts"`,
        "src/main.ts": `import "./cli/serve.ts"`,
        "bench/main.ts": `import "../src/service.ts"`
      })
      assert.strictEqual(stdout, "imports: 11 files in 9 parts keep the rule")
      assert.strictEqual(status, 0)
    })
  )

  it.effect("says of each offence where it is, what it imports and what would be allowed", () =>
    Effect.gen(function* () {
      const { complaints, lastWord, status } = yield* check({
        "machines/deposit.ts": `import { Effect } from "effect"\nimport "../src/domain/amount.ts"`,
        "src/domain/amount.ts": "export {}",
        "src/event-log/event-log.ts": `\n\nimport "../deposits/job.ts"`,
        "src/deposits/job.ts": `import "../../test/support/postgres.ts"`,
        "src/ingest/route.ts": `import "../workers/lease.ts"`,
        "src/workers/lease.ts": "export {}",
        "src/main.ts": `import "./workers/lease.ts"`
      })
      assert.strictEqual(status, 1)
      assert.deepStrictEqual(complaints, [
        "machines/deposit.ts:1 imports effect: machines may not import this package. It may: xstate, effect/Schema",
        "machines/deposit.ts:2 imports ../src/domain/amount.ts: machines may not import domain. It may: nothing of ours",
        "src/deposits/job.ts:1 imports ../../test/support/postgres.ts: that is outside. deposits may import: domain, machines, postgres, event-log",
        "src/event-log/event-log.ts:3 imports ../deposits/job.ts: event-log may not import deposits. It may: domain, postgres",
        "src/ingest/route.ts:1 imports ../workers/lease.ts: ingest may not import workers. It may: domain, config, telemetry, machines, postgres, event-log, deposits, addresses",
        "src/main.ts:1 imports ./workers/lease.ts: main may not import workers. It may: cli"
      ])
      assert.strictEqual(lastWord, "Offences against the import rule: 6")
    })
  )

  it.effect("sees types, re-exports and late imports, and not what only looks like an import", () =>
    Effect.gen(function* () {
      const { complaints } = yield* check({
        "src/domain/amount.ts": [
          `// import "../api/comment.ts"`,
          "/* '→' is three bytes and one character */",
          `const text = 'import "../api/string.ts"'`,
          "const pattern = /[`\"']/",
          `import type { A } from "../api/type.ts"`,
          `export * from "../api/all.ts"`,
          `export {\n  b\n} from "../api/named.ts"`,
          `export const late = () => import("../api/late.ts")`,
          `export type T = typeof import("../api/type-of.ts")`
        ].join("\n")
      })
      assert.deepStrictEqual(
        complaints.map((complaint) => complaint.split(":", 2).join(":")),
        [
          "src/domain/amount.ts:5 imports ../api/type.ts",
          "src/domain/amount.ts:6 imports ../api/all.ts",
          "src/domain/amount.ts:9 imports ../api/named.ts",
          "src/domain/amount.ts:10 imports ../api/late.ts",
          "src/domain/amount.ts:11 imports ../api/type-of.ts"
        ]
      )
    })
  )

  it.effect("finds parts that import each other, whichever way round", () =>
    Effect.gen(function* () {
      const { complaints } = yield* check({
        "src/config/settings.ts": `import "../domain/chain.ts"`,
        "src/domain/chain.ts": `import "../telemetry/logging.ts"`,
        "src/telemetry/logging.ts": `import "../config/settings.ts"`
      })
      assert.deepStrictEqual(complaints, [
        "src/domain/chain.ts:1 imports ../telemetry/logging.ts: domain may not import telemetry. It may: nothing of ours",
        "config → domain → telemetry → config is a cycle: src/config/settings.ts:1, src/domain/chain.ts:1, src/telemetry/logging.ts:1"
      ])
    })
  )

  it.effect("wants a row for every part, the .ts ending, and node: before Node's modules", () =>
    Effect.gen(function* () {
      const { complaints } = yield* check({
        "src/helpers/text.ts": `import "../domain/chain.ts"`,
        "src/domain/chain.ts": `import "./amount"\nimport "./amount.js"\nimport "fs/promises"`
      })
      assert.deepStrictEqual(complaints, [
        "helpers has no row in the table of scripts/check-imports.ts: say there what it may import",
        "src/domain/chain.ts:1 imports ./amount: Node needs the file's own ending: write .ts",
        "src/domain/chain.ts:2 imports ./amount.js: Node needs the file's own ending: write .ts",
        "src/domain/chain.ts:3 imports fs/promises: a module of Node is written node:fs/promises"
      ])
    })
  )

  it.effect("fails where there is nothing to check", () =>
    Effect.gen(function* () {
      const { lastWord, status } = yield* check({ "README.md": "no house" })
      assert.strictEqual(status, 1)
      assert.include(lastWord, "is this the right folder?")
    })
  )
})
