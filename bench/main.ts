/**
 * `npm run bench`: what this machine does, and beside it the same work one job per transaction.
 *
 * Numbers of one run on one machine: compare the ratios.
 */
import { chmodSync, mkdtempSync, rmSync } from "node:fs"
import { availableParallelism, cpus, tmpdir, totalmem } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { NodeServices } from "@effect/platform-node"
import { Effect, Layer, Redacted, References } from "effect"
import { startAnvil } from "../src/demo/anvil.ts"
import { Amount } from "../src/domain/amount.ts"
import { Address } from "../src/domain/chain.ts"
import { TokenSymbol } from "../src/domain/ids.ts"
import { EmbeddedPostgres } from "../src/postgres/embedded.ts"
import { grouped, measureIngest, oneByOne } from "./ingest.ts"
import { measureLifecycle, syntheticClaims } from "./lifecycle.ts"
import { chainName } from "./setup.ts"

const batched = { workers: 4, batchSize: 200 }
const single = { workers: 10, batchSize: 1 }
const memoryDeposits = 24_000
const memoryDepositsSingle = 1000
const chainDeposits = 1000
const chainDepositsSingle = 200

const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => {
    const folder = mkdtempSync(join(tmpdir(), "surehook-bench-"))
    chmodSync(folder, 0o711)
    return folder
  }),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

/** Real transfers of ether, mined, and the claims about them. */
const chainClaims = Effect.fnUntraced(function* (count: number) {
  const anvil = yield* startAnvil()
  const [from] = anvil.accounts
  yield* anvil.setAutomine(false)
  // One after another, because the node gives out the nonces.
  const claims = yield* Effect.forEach(Array.from({ length: count }), (_, index) => {
    const to = Address.make(`0x${(index + 1).toString(16).padStart(40, "b")}`)
    return Effect.map(anvil.send({ from, to, wei: 10n ** 15n }), (tx_hash) => ({
      chain: chainName,
      tx_hash,
      token: TokenSymbol.make("ETH"),
      amount: Amount.make("0.001"),
      to_address: to,
      transfer_index: null
    }))
  })
  yield* anvil.mine(Math.ceil(count / 100))
  const chain = {
    name: chainName,
    kind: "evm" as const,
    chain_id: anvil.chainId,
    rpc: [{ url: Redacted.make(anvil.url) }],
    confirmations: 1,
    tokens: new Map([[TokenSymbol.make("ETH"), { _tag: "Native" as const, decimals: 18 }]])
  }
  return { claims, chain }
})

const rate = (perSecond: number): string => Math.round(perSecond).toLocaleString("en-US")

const row = (what: string, ours: number, plain: number, note: string) =>
  `| ${what} | ${rate(ours)}/s | ${rate(plain)}/s | ${(ours / plain).toFixed(1)}× | ${note} |`

const main = Effect.gen(function* () {
  const dataDir = yield* temporaryFolder
  const { url: server } = yield* EmbeddedPostgres.acquire({ dataDir, port: 0 })

  const ingest = yield* measureIngest(server, grouped)
  const ingestPlain = yield* measureIngest(server, oneByOne)
  const memory = yield* measureLifecycle(server, {
    ...batched,
    claims: syntheticClaims(memoryDeposits)
  })
  const memoryPlain = yield* measureLifecycle(server, {
    ...single,
    claims: syntheticClaims(memoryDepositsSingle)
  })
  const { claims, chain } = yield* chainClaims(chainDeposits)
  const onChain = yield* measureLifecycle(server, { ...batched, claims, chain })
  const onChainPlain = yield* measureLifecycle(server, {
    ...single,
    claims: claims.slice(0, chainDepositsSingle),
    chain
  })

  const latency = ({ p50Millis, p99Millis }: typeof ingest) =>
    `p50 ${p50Millis.toFixed(1)} ms, p99 ${p99Millis.toFixed(1)} ms`
  const runtime = "Deno" in globalThis ? "Deno" : `Node ${process.versions.node}`
  console.log(`
${availableParallelism()} cores of ${cpus()[0]?.model ?? "an unknown processor"}, ${Math.round(totalmem() / 2 ** 30)} GiB; ${runtime}; embedded Postgres 18, fsync on

| what | Surehook | one job per transaction | ratio | |
|---|---|---|---|---|
${row("webhooks acknowledged, 64 connections", ingest.acknowledged / ingest.seconds, ingestPlain.acknowledged / ingestPlain.seconds, `${latency(ingest)}; one by one: ${latency(ingestPlain)}`)}
${row("deposits completed, validator in memory", memory, memoryPlain, "4 workers, batches of 200; one by one: 10 workers")}
${row("deposits completed, validator asks anvil", onChain, onChainPlain, "the same")}
`)
  if (ingest.refused + ingestPlain.refused > 0) {
    return yield* Effect.die(`${ingest.refused + ingestPlain.refused} webhooks were refused`)
  }
}).pipe(
  Effect.scoped,
  Effect.provide(NodeServices.layer),
  Effect.provide(Layer.succeed(References.MinimumLogLevel, "Error"))
)

await Effect.runPromise(main)
