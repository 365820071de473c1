/** The README's surehook.yaml is one that the service takes. */
import { readFileSync } from "node:fs"
import { assert, it } from "@effect/vitest"
import { Result } from "effect"
import { parseConfig } from "../../src/config/config-file.ts"
import { providers } from "../../src/ingest/registry.ts"

const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8")

it("the README's surehook.yaml is right", () => {
  const [, yaml = ""] = /^```yaml\n(.*?)^```$/ms.exec(readme) ?? []
  const parsed = parseConfig(
    yaml,
    "README.md",
    {
      MAIN_SECRET: `whsec_${Buffer.alloc(32, 7).toString("base64")}`,
      ALCHEMY_SIGNING_KEY: "a signing key of alchemy",
      ETH_RPC_1: "https://eth.example.com/key",
      ETH_RPC_2: "https://eth.example.org",
      ETH_RPC_2_KEY: "another key",
      SOLANA_RPC: "https://solana.example.com",
      OPS_TOKEN: "0123456789abcdef"
    },
    providers
  )
  if (Result.isFailure(parsed)) return assert.fail(parsed.failure.message)
  assert.strictEqual(parsed.success.sources.size, 2)
  assert.strictEqual(parsed.success.chains.size, 2)
})
