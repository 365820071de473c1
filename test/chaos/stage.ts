/**
 * What a run plays on, all of it real:
 *
 *     instances ─▶ TCP proxy ─▶ Postgres
 *         └─────▶ 2 RPC proxies ─▶ anvil
 *
 * A scope owns every process, socket and folder, so that nothing stays behind however a run ends.
 */
import { randomBytes } from "node:crypto"
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import type { Promised } from "./checker/facts.ts"
import { type ChaosDatabase, startDatabase } from "./database.ts"
import { type Instance, type OwnEnd, startInstance } from "./instance.ts"
import { type LocalChain, startLocalChain } from "./local-chain.ts"
import type { Random } from "./random.ts"
import { type RpcProxy, startRpcProxy } from "./rpc-proxy.ts"
import { configText, workerEnv } from "./surehook-yaml.ts"

export interface Stage {
  readonly instances: readonly [Instance, ...ReadonlyArray<Instance>]
  readonly database: ChaosDatabase
  readonly chain: LocalChain
  readonly endpoints: ReadonlyArray<RpcProxy>
}

export interface StageOptions {
  readonly instances: number
  /** Also fill the database's disk, where that can be had: see small-disk.ts. */
  readonly fullDisk: boolean
  readonly features: Promised
}

const endpointCount = 2

const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => {
    const folder = mkdtempSync(join(tmpdir(), "surehook-chaos-"))
    // As root the server runs as another user, who has to pass through.
    chmodSync(folder, 0o711)
    return folder
  }),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

/** Every instance listens. */
export const openStage = Effect.fnUntraced(function* (options: StageOptions, random: Random) {
  const folder = yield* temporaryFolder
  const secret = `whsec_${randomBytes(32).toString("base64")}`
  const token = `ops-${randomBytes(16).toString("hex")}`

  const [database, chain] = yield* Effect.all(
    [startDatabase(join(folder, "data"), options.fullDisk), startLocalChain],
    { concurrency: "unbounded" }
  )
  const endpoints = yield* Effect.forEach(Array.from({ length: endpointCount }), (_, index) =>
    startRpcProxy(chain.url, random.fork(`rpc ${index}`))
  )
  const config = join(folder, "surehook.yaml")
  const urls = endpoints.map(({ url }) => url)
  const { features } = options
  writeFileSync(config, configText({ usdc: chain.usdc, endpoints: urls, features }))
  const ownEnds: Array<OwnEnd> = []
  const start = (index: number) =>
    startInstance({
      name: `instance-${index}`,
      folder,
      env: {
        PORT: "0",
        SUREHOOK_CONFIG: config,
        DATABASE_URL: database.proxiedUrl,
        MAIN_SECRET: secret,
        OPS_TOKEN: token,
        ...workerEnv(features)
      },
      onOwnEnd: (end) => ownEnds.push(end)
    })
  const first = yield* start(0)
  const others = yield* Effect.forEach(Array.from({ length: options.instances - 1 }), (_, index) =>
    start(index + 1)
  )
  const stage: Stage = { instances: [first, ...others], database, chain, endpoints }
  yield* Effect.forEach(stage.instances, ({ listening }) => listening, {
    concurrency: "unbounded"
  })
  return { stage, secret, token, ownEnds }
})
