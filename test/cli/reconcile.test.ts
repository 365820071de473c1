/** `surehook reconcile` on a real database and a real chain. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { NodeServices } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Effect, FileSystem, Layer, Redacted, Schema } from "effect"
import { Addresses } from "../../src/addresses/addresses.ts"
import { AccountReference } from "../../src/addresses/registration.ts"
import { reconcile } from "../../src/cli/reconcile.ts"
import { Address } from "../../src/domain/chain.ts"
import { TenantId } from "../../src/domain/ids.ts"
import { PassReport, ScanReport } from "../../src/reconciler/pass-report.ts"
import { chainName, LocalChain, oneUsdc } from "../support/anvil.ts"
import { transfer } from "../support/contracts.ts"
import { runInProcess } from "../support/in-process-command.ts"
import { TestDatabase } from "../support/postgres.ts"
import { secretText } from "../support/webhooks.ts"

const to = Address.make(`0x${"d2".repeat(20)}`)

const environment = Layer.mergeAll(
  LocalChain.layer,
  Addresses.layer.pipe(Layer.provideMerge(TestDatabase.layer)),
  NodeServices.layer
).pipe(Layer.orDie)

const configFile = (watch: boolean, others = "") =>
  Effect.gen(function* () {
    const { anvil, usdc } = yield* LocalChain
    const folder = yield* FileSystem.FileSystem.use((fs) => fs.makeTempDirectoryScoped())
    const file = join(folder, "surehook.yaml")
    writeFileSync(
      file,
      `
tenants:
  acme: { sources: { main: { environment: production, provider: standard, secrets: ["${secretText}"] } } }
chains:
  ${chainName}:
    kind: evm
    chain_id: ${anvil.chainId}
    confirmations: 1
    watch: ${watch}
    rpc: [{ url: "${anvil.url}" }]
    tokens: { USDC: { contract: "${usdc}", decimals: 6 } }
${others}`
    )
    return file
  })

const run = (file: string, ...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const { url } = yield* TestDatabase
    const env = { SUREHOOK_CONFIG: file, DATABASE_URL: Redacted.value(url) }
    return yield* runInProcess(reconcile, env, args)
  })

const pay = Effect.gen(function* () {
  const { anvil, depositor, usdc } = yield* LocalChain
  yield* anvil.send({ from: depositor, to: usdc, data: transfer(to, oneUsdc) })
  return yield* anvil.blockNumber
})

const decodePass = Schema.decodeUnknownSync(Schema.fromJsonString(PassReport))
const decodeScan = Schema.decodeUnknownSync(Schema.fromJsonString(ScanReport))

layer(environment, { excludeTestServices: true, timeout: "60 seconds" })(
  "surehook reconcile",
  (it) => {
    it.effect("runs one pass and says what it did, or reads the blocks that it is told", () =>
      Effect.gen(function* () {
        const file = yield* configFile(true)
        yield* (yield* Addresses).register(
          [
            {
              tenant_id: TenantId.make("acme"),
              chain: chainName,
              address: to,
              account_reference: AccountReference.make("customer-1")
            }
          ],
          "test"
        )
        const before = yield* pay
        const { anvil } = yield* LocalChain
        yield* anvil.mine(100)
        const first = yield* run(file)
        assert.strictEqual(first.code, 0, first.stderr)
        assert.match(first.stdout, /^Reconciled in \d/)
        assert.match(first.stdout, /0 deposits {2}were looked at again/)
        assert.match(first.stdout, /hold 0 transfers to registered addresses/)
        assert.match(first.stdout, /The ledger agrees with what was seen on chain\./)

        const past = yield* run(file, "--from-block", `${before}`, "--to-block", `${before}`)
        assert.strictEqual(
          past.stdout.trim(),
          `${chainName}: blocks ${before} to ${before} hold 1 transfer to registered addresses, 1 without a webhook: deposits were made of them`
        )
        const again = yield* run(file, "--from-block", `${before}`, "--json")
        assert.include(decodeScan(again.stdout), { from_block: before, transfers: 1, missed: 0 })

        yield* pay
        const json = yield* run(file, "--json")
        const report = decodePass(json.stdout)
        assert.strictEqual(report.scans[0]?.missed, 1)
        assert.include(report, { ledger_differences: 0, failed: 0 })
      })
    )

    it.effect("says what is wrong with what it was asked, and how to mend it", () =>
      Effect.gen(function* () {
        const watched = yield* configFile(true)
        const unwatched = yield* configFile(false)
        const cases: ReadonlyArray<readonly [string, ReadonlyArray<string>, RegExp]> = [
          [watched, ["--to-block", "7"], /^Say with --from-block where to begin/],
          [
            watched,
            ["--from-block", "9", "--to-block", "7"],
            /--to-block 7 comes before --from-block 9/
          ],
          [
            watched,
            ["--from-block", "1", "--to-block", "999999"],
            /has no block 999999 yet: its newest is \d+/
          ],
          [
            watched,
            ["--from-block", "1", "--chain", "polygon"],
            /^polygon is not among the chains .*: localchain\./
          ],
          [unwatched, ["--from-block", "1"], /^No chain is watched: set `watch: true`/],
          [watched, ["--from-block", "-1"], /height of a block/]
        ]
        for (const [file, args, says] of cases) {
          const { code, stderr } = yield* run(file, ...args)
          assert.notStrictEqual(code, 0)
          assert.match(stderr, says)
        }
      })
    )
  }
)
