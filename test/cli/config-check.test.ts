/** `surehook config check` on files and environments, good and bad. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { emptyFolder, surehook } from "../support/command.ts"
import { secretText } from "../support/webhooks.ts"

const configText = `
tenants:
  acme:
    sources:
      main: { environment: production, provider: standard, secrets: ["\${MAIN_SECRET}"] }
chains:
  localchain:
    kind: evm
    chain_id: 31337
    rpc: [{ url: "http://127.0.0.1:8545/key-of-the-endpoint" }]
    confirmations: 2
    tokens: { ETH: native }
`

const check = (text: string, env: Readonly<Record<string, string>>) =>
  Effect.gen(function* () {
    const cwd = yield* emptyFolder
    writeFileSync(join(cwd, "surehook.yaml"), text)
    return yield* surehook(["config", "check"], { cwd, env })
  })

describe("surehook config check", () => {
  it.live("prints what it understood of file and environment, without a secret", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* check(configText, {
        MAIN_SECRET: secretText,
        FUNDING_WORKER_COUNT: "7",
        DATABASE_URL: "postgres://someone:password-of-the-database@db.example:5433/deposits"
      })
      assert.deepStrictEqual([code, stderr], [0, ""])
      for (const understood of [
        "source main: production, standard, 1 secret, POST /v1/webhooks/main",
        "chain localchain: evm, chain id 31337, credits at 2 confirmations, RPC 127.0.0.1:8545",
        "listens on 127.0.0.1:3000",
        "database: DATABASE_URL, db.example:5433/deposits",
        "workers: 7"
      ]) {
        assert.include(stdout, understood)
      }
      for (const secret of [
        secretText.slice(6),
        "password-of-the-database",
        "key-of-the-endpoint"
      ]) {
        assert.notInclude(stdout, secret)
      }
    })
  )

  it.live("names every fault of environment and file at once, each in a line, and exits 1", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* check(configText.replace("kind: evm", "kind: emv"), {
        PORT: "http",
        FUNDING_WORKER_CUONT: "7"
      })
      assert.deepStrictEqual([code, stdout], [1, ""])
      const lines = stderr.trimEnd().split("\n")
      assert.lengthOf(lines, 4)
      assert.match(lines[0] ?? "", /^PORT=http: expected a whole number/)
      assert.match(lines[1] ?? "", /^FUNDING_WORKER_CUONT: .* did you mean FUNDING_WORKER_COUNT\?$/)
      const ofFile = lines.slice(2).join("\n")
      assert.match(
        ofFile,
        /^surehook\.yaml: chains\.localchain\.kind: must be one of evm, solana, aptos, starknet$/m
      )
      assert.match(
        ofFile,
        /^surehook\.yaml: tenants\.acme\.sources\.main\.secrets\[0\]: .*MAIN_SECRET is not set$/m
      )
    })
  )
})
