/**
 * A local EVM chain: an anvil process that lives as long as the scope that started it.
 *
 * Its ten accounts are unlocked, so transactions need no keys. It mines a block per transaction
 * until told otherwise.
 */
import { createRequire } from "node:module"
import { arch, platform } from "node:process"
import { Deferred, Effect, Schema, type Scope, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import { encodeDeployData, getHttpRpcClient } from "viem/utils"
import { type Address, canonicalAddress, canonicalTxHash, type TxHash } from "../domain/chain.ts"
import { bytecodeOf, type ContractName, type ContractsUnavailable, tokenAbi } from "./contracts.ts"

export class AnvilError extends Schema.TaggedError<AnvilError>()("AnvilError", {
  message: Schema.String
}) {}

export interface AnvilTransaction {
  readonly from: Address
  readonly to?: Address
  readonly wei?: bigint
  readonly data?: `0x${string}`
}

export interface Anvil {
  readonly url: string
  readonly chainId: number
  readonly accounts: readonly [Address, Address, ...ReadonlyArray<Address>]
  readonly rpc: (
    method: string,
    params?: ReadonlyArray<Schema.Json>
  ) => Effect.Effect<unknown, AnvilError>
  /**
   * Sends a transaction, which may revert, and returns its hash. Where each transaction gets a
   * block, it is in it by then; else it waits in the mempool.
   */
  readonly send: (transaction: AnvilTransaction) => Effect.Effect<TxHash, AnvilError>
  /** Puts a contract on the chain; its block is mined first, if need be. */
  readonly deploy: (
    contract: ContractName,
    token?: { readonly symbol: string; readonly decimals: number }
  ) => Effect.Effect<Address, AnvilError | ContractsUnavailable>
  readonly mine: (blocks: number) => Effect.Effect<void, AnvilError>
  /** Whether each transaction gets a block at once. */
  readonly setAutomine: (on: boolean) => Effect.Effect<void, AnvilError>
  readonly blockNumber: Effect.Effect<number, AnvilError>
  /** Throws out the newest blocks and puts as many empty ones in their place. */
  readonly reorg: (depth: number) => Effect.Effect<void, AnvilError>
}

export interface AnvilOptions {
  readonly chainId?: number
  /** 0, the default, takes a free port. */
  readonly port?: number
  /** Mines at this pace, whether or not there are transactions. */
  readonly blockTimeSeconds?: number
}

const startTimeout = "20 seconds"
/** Enough for every contract here; given, so that a transaction that will revert is sent all the same. */
const gasLimit = "0x1e8480"

export const startAnvil = (
  options: AnvilOptions = {}
): Effect.Effect<Anvil, AnvilError, Scope.Scope | ChildProcessSpawner.ChildProcessSpawner> =>
  Effect.gen(function* () {
    const chainId = options.chainId ?? 31337
    const binary = yield* anvilBinary
    const flags = ["--port", `${options.port ?? 0}`, "--chain-id", `${chainId}`]
    if (options.blockTimeSeconds !== undefined) {
      flags.push("--block-time", `${options.blockTimeSeconds}`)
    }
    const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
    const process = yield* spawner
      .spawn(ChildProcess.make(binary, flags, { stdin: "ignore", forceKillAfter: "2 seconds" }))
      .pipe(Effect.mapError((cause) => new AnvilError({ message: `anvil: ${cause.message}` })))

    // Read to the end, or the pipe fills and anvil stops answering.
    const listening = yield* Deferred.make<string, AnvilError>()
    yield* process.all.pipe(
      Stream.decodeText(),
      Stream.splitLines,
      Stream.runForEach((line) => {
        const address = /^Listening on (\S+)/.exec(line)?.[1]
        return address === undefined ? Effect.void : Deferred.succeed(listening, address)
      }),
      Effect.ignore,
      Effect.andThen(Deferred.fail(listening, new AnvilError({ message: "anvil did not start" }))),
      Effect.forkScoped
    )
    const address = yield* Deferred.await(listening).pipe(
      Effect.timeoutOrElse({
        duration: startTimeout,
        orElse: () =>
          Effect.fail(new AnvilError({ message: `anvil did not start within ${startTimeout}` }))
      })
    )
    return yield* connect(`http://${address}`, chainId, options.blockTimeSeconds === undefined)
  })

/** The binary itself: the package's own command is a script whose death leaves anvil running. */
const anvilBinary = Effect.try({
  try: () => {
    const name = `${platform}-${arch === "x64" ? "amd64" : arch}`
    const file = platform === "win32" ? "anvil.exe" : "anvil"
    return createRequire(import.meta.url).resolve(`@foundry-rs/anvil-${name}/bin/${file}`)
  },
  catch: () =>
    new AnvilError({
      message: `there is no anvil for ${platform} on ${arch}: install the package @foundry-rs/anvil with its optional dependencies`
    })
})

const Hex = Schema.String.pipe(Schema.check(Schema.isPattern(/^0x[0-9a-f]+$/)))
const decodeHex = Schema.decodeUnknownEffect(Hex)
const decodeAccounts = Schema.decodeUnknownEffect(Schema.Array(Schema.String))
const decodeMined = Schema.decodeUnknownEffect(Schema.Struct({ transactionHash: Hex }))
const decodeDeployed = Schema.decodeUnknownEffect(
  Schema.Struct({ contractAddress: Schema.String, status: Schema.Literal("0x1") })
)

const connect = (
  url: string,
  chainId: number,
  startsWithAutomine: boolean
): Effect.Effect<Anvil, AnvilError> =>
  Effect.gen(function* () {
    const client = getHttpRpcClient(url, { timeout: 30_000 })
    let hasAutomine = startsWithAutomine

    const rpc: Anvil["rpc"] = (method, params = []) =>
      Effect.tryPromise({
        try: () => client.request({ body: { method, params: [...params] } }),
        catch: (cause) => new AnvilError({ message: `anvil: ${method}: ${String(cause)}` })
      }).pipe(
        Effect.flatMap(({ error, result }) =>
          error === undefined
            ? Effect.succeed<unknown>(result)
            : Effect.fail(new AnvilError({ message: `anvil: ${method}: ${JSON.stringify(error)}` }))
        )
      )

    const unexpected = (what: string) => () =>
      new AnvilError({ message: `anvil gave an unexpected ${what}` })

    const accounts = (yield* rpc("eth_accounts").pipe(
      Effect.flatMap(decodeAccounts),
      Effect.mapError(unexpected("list of accounts"))
    )).flatMap((account) => canonicalAddress("evm", account) ?? [])
    const [first, second, ...rest] = accounts
    if (first === undefined || second === undefined) {
      return yield* new AnvilError({ message: "anvil has fewer than two accounts" })
    }

    const send: Anvil["send"] = ({ from, to, wei, data }) =>
      Effect.suspend(() => {
        const params = [
          {
            from,
            gas: gasLimit,
            ...(to === undefined ? {} : { to }),
            ...(wei === undefined ? {} : { value: `0x${wei.toString(16)}` }),
            ...(data === undefined ? {} : { data })
          }
        ]
        // Anvil answers the plain method before it has mined, even where it mines at once.
        return hasAutomine
          ? rpc("eth_sendTransactionSync", params).pipe(
              Effect.flatMap(decodeMined),
              Effect.map(({ transactionHash }) => transactionHash)
            )
          : rpc("eth_sendTransaction", params).pipe(Effect.flatMap(decodeHex))
      }).pipe(
        Effect.map((hash) => canonicalTxHash("evm", hash)),
        Effect.filterOrFail(
          (hash) => hash !== undefined,
          () => unexpected("hash")()
        ),
        Effect.catchTag("SchemaError", () => Effect.fail(unexpected("answer to a transaction")()))
      )

    const mine: Anvil["mine"] = (blocks) =>
      Effect.asVoid(rpc("anvil_mine", [`0x${blocks.toString(16)}`]))

    return {
      url,
      chainId,
      accounts: [first, second, ...rest],
      rpc,
      send,
      mine,
      deploy: (contract, token) =>
        Effect.gen(function* () {
          const bytecode = yield* bytecodeOf(contract)
          const data =
            token === undefined
              ? bytecode
              : encodeDeployData({ abi: tokenAbi, bytecode, args: [token.symbol, token.decimals] })
          const hash = yield* send({ from: first, data })
          let receipt = yield* rpc("eth_getTransactionReceipt", [hash])
          if (receipt === null) {
            yield* mine(1)
            receipt = yield* rpc("eth_getTransactionReceipt", [hash])
          }
          const { contractAddress } = yield* decodeDeployed(receipt).pipe(
            Effect.mapError(unexpected(`receipt of the deployment of ${contract}`))
          )
          const address = canonicalAddress("evm", contractAddress)
          return address ?? (yield* unexpected("contract address")())
        }),
      setAutomine: (on) =>
        rpc("evm_setAutomine", [on]).pipe(
          Effect.andThen(
            Effect.sync(() => {
              hasAutomine = on
            })
          )
        ),
      blockNumber: rpc("eth_blockNumber").pipe(
        Effect.flatMap(decodeHex),
        Effect.map(Number),
        Effect.mapError(unexpected("height"))
      ),
      reorg: (depth) => Effect.asVoid(rpc("anvil_reorg", [depth, []]))
    }
  })
