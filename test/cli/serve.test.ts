/** `surehook serve`: what stops its start is said in a line each, and stopping it is no failure. */

import { mkdirSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { emptyFolder, surehook } from "../support/command.ts"
import { makeTestDatabase } from "../support/postgres.ts"

/** Many starts of the whole service, on a machine that may be busy. */
const startsTimeoutMillis = 90_000

const password = "password-of-nobody"

/** A port that another program listens on. */
const takenPort = Effect.acquireRelease(
  Effect.callback<{ readonly port: number; readonly close: () => void }>((resume) => {
    const server = createServer()
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = address !== null && typeof address === "object" ? address.port : 0
      resume(Effect.succeed({ port, close: () => server.close() }))
    })
  }),
  ({ close }) => Effect.sync(close)
)

describe("surehook serve", () => {
  it.live(
    "says in one line for each fault why it cannot start, and exits 1",
    () =>
      Effect.gen(function* () {
        const cwd = yield* emptyFolder
        writeFileSync(join(cwd, "broken.yaml"), "tenants: [\n a")
        writeFileSync(join(cwd, "file"), "")
        const { port } = yield* takenPort
        const { url } = yield* makeTestDatabase()
        const database = Redacted.value(url)
        const wrongPassword = new URL(database)
        wrongPassword.password = password

        const faults: ReadonlyArray<readonly [Record<string, string>, ReadonlyArray<RegExp>]> = [
          [
            {
              DATABASE_URL: `mysql://u:${password}@h/d`,
              FUNDING_WORKER_COUNT: "x",
              FUNDING_WORKERS: "1"
            },
            [
              /^DATABASE_URL: expected postgres:\/\//,
              /^FUNDING_WORKER_COUNT=x: expected/,
              /^FUNDING_WORKERS: unknown variable/
            ]
          ],
          [{ SUREHOOK_CONFIG: "broken.yaml" }, [/^broken\.yaml:2: /]],
          [{ SUREHOOK_DATA_DIR: "file/folder" }, [/^file\/folder\/development-secrets\.json: /]],
          [
            { DATABASE_URL: `postgres://u:${password}@127.0.0.1:1/d` },
            [/^The database takes no connections at 127\.0\.0\.1:1: is it running/]
          ],
          [
            { DATABASE_URL: wrongPassword.href },
            [/^The database does not let this user in: password authentication failed/]
          ],
          [
            { DATABASE_URL: database, PORT: `${port}` },
            [new RegExp(`^The port ${port} is taken by another process`)]
          ]
        ]
        const answers = yield* Effect.forEach(
          faults,
          ([env], index) => {
            const dataDir = `data-${index}`
            mkdirSync(join(cwd, dataDir))
            return surehook(["serve"], { cwd, env: { SUREHOOK_DATA_DIR: dataDir, ...env } })
          },
          { concurrency: 2 }
        )
        answers.forEach(({ code, stderr, stdout }, index) => {
          const [, expected = []] = faults[index] ?? []
          assert.strictEqual(code, 1, stderr)
          const lines = stderr.trimEnd().split("\n")
          assert.lengthOf(lines, expected.length, stderr)
          expected.forEach((pattern, line) => {
            assert.match(lines[line] ?? "", pattern)
          })
          assert.notInclude(stdout + stderr, password)
        })
      }),
    startsTimeoutMillis
  )

  it.live("ends quietly and with exit code 0 when it is told to stop", () =>
    Effect.gen(function* () {
      for (const name of ["SIGINT", "SIGTERM"] as const) {
        const { url } = yield* makeTestDatabase()
        const { code, stderr, stdout } = yield* surehook(["serve"], {
          env: { PORT: "0", DATABASE_URL: Redacted.value(url) },
          signal: { at: "Surehook listens on", name }
        })
        assert.strictEqual(code, 0, `${name}: ${stdout}${stderr}`)
        assert.include(stdout, "Surehook is stopping")
        assert.notInclude(stdout, "ERROR")
        assert.match(
          stderr,
          /^\nThere is no surehook\.yaml, .*\n {2}npm run surehook -- jobs list\n\n$/s
        )
      }
    })
  )
})
