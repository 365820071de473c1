/**
 * One embedded Postgres for the whole test run, with a migrated template that every test database
 * is copied from. Stopped, and its folder removed, when the run ends.
 */
import { chmodSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Exit, Redacted, Scope } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import type { TestProject } from "vitest/node"
import { layer as clientLayer } from "../../src/postgres/client.ts"
import { EmbeddedPostgres } from "../../src/postgres/embedded.ts"
import { migrateUp } from "../../src/postgres/migrator.ts"
import { templateName, urlOfDatabase } from "./postgres-url.ts"

declare module "vitest" {
  interface ProvidedContext {
    /** The superuser's URL of the shared server. */
    readonly postgresUrl: string
  }
}

const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => {
    const folder = mkdtempSync(join(tmpdir(), "surehook-tests-"))
    // As root the server runs as another user, who has to pass through.
    chmodSync(folder, 0o711)
    return folder
  }),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

const sharedServer = Effect.gen(function* () {
  const dataDir = yield* temporaryFolder
  const server = yield* EmbeddedPostgres.acquire({
    dataDir,
    port: 0,
    // The data is thrown away, so nothing has to survive a power cut.
    settings: { fsync: "off", synchronous_commit: "off", full_page_writes: "off" }
  })
  const url = Redacted.value(server.url)
  yield* Effect.gen(function* () {
    const sql = yield* SqlClient
    yield* sql`CREATE DATABASE ${sql(templateName)}`
  }).pipe(Effect.provide(clientLayer({ url: server.url, maxConnections: 1 })))
  yield* migrateUp().pipe(
    Effect.provide(
      clientLayer({ url: Redacted.make(urlOfDatabase(url, templateName)), maxConnections: 1 })
    )
  )
  return url
})

export default async (project: TestProject): Promise<() => Promise<void>> => {
  const scope = Scope.makeUnsafe()
  const close = () => Effect.runPromise(Scope.close(scope, Exit.void))
  try {
    project.provide("postgresUrl", await Effect.runPromise(Scope.provide(sharedServer, scope)))
    return close
  } catch (cause) {
    await close()
    throw cause
  }
}
