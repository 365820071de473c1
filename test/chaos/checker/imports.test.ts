/** The checker shares no code with the service: a mistake in one cannot hide in the other. */
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"

const folder = fileURLToPath(new URL(".", import.meta.url))
const allowed = /^(\.\/[\w-]+\.ts|node:\w+|effect|@effect\/sql-pg)$/

describe("the checker's files", () => {
  it("import only each other, Node, Effect and the Postgres client", () => {
    const files = readdirSync(folder).filter(
      (name) => name.endsWith(".ts") && !name.endsWith(".test.ts")
    )
    assert.isAbove(files.length, 5)
    const offences = files.flatMap((name) => {
      const text = readFileSync(`${folder}/${name}`, "utf8")
      return [...text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*["']([^"']+)["']/g)]
        .map(([, specifier = ""]) => specifier)
        .filter((specifier) => !allowed.test(specifier))
        .map((specifier) => `${name} imports ${specifier}`)
    })
    assert.deepStrictEqual(offences, [])
  })
})
