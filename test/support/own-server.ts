/** A Postgres server of the test's own, which it may stop and start again: all others share one. */
import { chmodSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { EmbeddedPostgres } from "../../src/postgres/embedded.ts"

export const ownServer = Effect.gen(function* () {
  const dataDir = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const folder = mkdtempSync(join(tmpdir(), "surehook-outage-"))
      chmodSync(folder, 0o711)
      return folder
    }),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  )
  return yield* EmbeddedPostgres.acquire({ dataDir, port: 0 })
})
