/** How the command is typed: help, completions, wrong usage. */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { surehook } from "../support/command.ts"

describe("the command surehook", () => {
  it.live("lists its commands and how to install completions on --help", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* surehook(["--help"])
      assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
      for (const name of ["serve", "demo", "send", "jobs", "config", "migrate"]) {
        assert.match(stdout, new RegExp(`^  ${name} {2}`, "m"))
      }
      assert.include(stdout, "surehook --completions bash >> ~/.bashrc")
    })
  )

  it.live("prints completions that know the flags of its commands", () =>
    Effect.gen(function* () {
      const { code, stdout } = yield* surehook(["--completions", "bash"])
      assert.strictEqual(code, 0)
      for (const word of ["--destroy-events", "--tx-hash", "completed"]) {
        assert.include(stdout, word)
      }
    })
  )

  it.live("answers wrong usage on standard error alone, with exit code 1", () =>
    Effect.gen(function* () {
      const wrong: ReadonlyArray<readonly [ReadonlyArray<string>, string]> = [
        [["jbos"], 'Unknown subcommand "jbos"'],
        [["jobs", "list", "--limit", "0"], "a whole number from 1 to 1000"],
        [["send", "--token", "ETH"], "Missing --tx-hash, --amount, --to"]
      ]
      const answers = yield* Effect.forEach(wrong, ([args]) => surehook(args), { concurrency: 2 })
      answers.forEach(({ code, stderr, stdout }, index) => {
        assert.deepStrictEqual({ code, stdout }, { code: 1, stdout: "" })
        assert.include(stderr, wrong[index]?.[1] ?? "")
        assert.match(stderr, /^Help: {2}surehook .*--help$/m)
      })
    })
  )

  it("loads what a command needs only when that command is run", () => {
    const loaded = loadedBy(new URL("../../src/main.ts", import.meta.url))
    assert.include([...loaded], "effect/cli")
    for (const heavy of ["viem", "xstate", "@effect/sql-pg", "effect/http", "src/service.ts"]) {
      assert.isFalse(
        [...loaded].some((name) => name === heavy || name.startsWith(`${heavy}/`)),
        heavy
      )
    }
  })
})

const root = new URL("../../", import.meta.url).href

/** Every package and file of ours that this file loads at once, by itself or by what it loads. */
const loadedBy = (file: URL, loaded = new Set<string>()): ReadonlySet<string> => {
  const found = readFileSync(file, "utf8").matchAll(
    /^(?:import|export) (?!type )[^;]*?from "([^"]+)"/gm
  )
  for (const [, specifier = ""] of found) {
    const ours = specifier.startsWith(".") ? new URL(specifier, file) : undefined
    const name = ours?.href.replace(root, "") ?? specifier
    if (loaded.has(name)) continue
    loaded.add(name)
    if (ours !== undefined) loadedBy(ours, loaded)
  }
  return loaded
}
