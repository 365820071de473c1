/** The contracts of local chains: Solidity sources next to this file, compiled in memory when first needed. */
import { readdirSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { Effect, Predicate, Schema } from "effect"
import { parseAbi } from "viem/utils"

export const tokenAbi = parseAbi([
  "constructor(string symbol, uint8 decimals)",
  "function mint(address to, uint256 value)",
  "function transfer(address to, uint256 value) returns (bool)",
  "function balanceOf(address owner) view returns (uint256)"
])
export const spoofTokenAbi = parseAbi([
  "function announce(address from, address to, uint256 value)"
])
export const collectibleAbi = parseAbi(["function mint(address to, uint256 tokenId)"])
export const splitterAbi = parseAbi([
  "function splitNative(address[] to, uint256[] values) payable",
  "function splitToken(address token, address[] to, uint256[] values)",
  "function payInVain(address to) payable"
])

export class ContractsUnavailable extends Schema.TaggedError<ContractsUnavailable>()(
  "ContractsUnavailable",
  { message: Schema.String }
) {}

export type ContractName = "Token" | "FeeToken" | "SpoofToken" | "Collectible" | "Splitter"

const Compiled = Schema.fromJsonString(
  Schema.Struct({
    errors: Schema.optionalKey(
      Schema.Array(Schema.Struct({ severity: Schema.String, formattedMessage: Schema.String }))
    ),
    contracts: Schema.Record(
      Schema.String,
      Schema.Record(
        Schema.String,
        Schema.Struct({
          evm: Schema.Struct({ bytecode: Schema.Struct({ object: Schema.String }) })
        })
      )
    )
  })
)

const folder = new URL("./contracts/", import.meta.url)

const compile = Effect.gen(function* () {
  const output = yield* Effect.try({
    try: () => {
      const files = readdirSync(folder).filter((file) => file.endsWith(".sol"))
      const sources = Object.fromEntries(
        files.map((file) => [file, { content: readFileSync(new URL(file, folder), "utf8") }])
      )
      // Loaded here and not above: the compiler is some 10 MB, and only local chains need it.
      const solc: unknown = createRequire(import.meta.url)("solc")
      if (!Predicate.hasProperty(solc, "compile") || !Predicate.isFunction(solc.compile)) {
        throw new Error("the package solc has no compile function")
      }
      const result: unknown = solc.compile(
        JSON.stringify({
          language: "Solidity",
          sources,
          settings: { outputSelection: { "*": { "*": ["evm.bytecode.object"] } } }
        })
      )
      return result
    },
    catch: (cause) =>
      new ContractsUnavailable({
        message: `the demo's contracts could not be compiled: ${cause instanceof Error ? cause.message : String(cause)}`
      })
  })
  const decoded = yield* Schema.decodeUnknownEffect(Compiled)(output).pipe(
    Effect.mapError((error) => new ContractsUnavailable({ message: error.message }))
  )
  const errors = (decoded.errors ?? []).filter((error) => error.severity === "error")
  if (errors.length > 0) {
    return yield* new ContractsUnavailable({
      message: errors.map((error) => error.formattedMessage).join("\n")
    })
  }
  return new Map(
    Object.values(decoded.contracts).flatMap((contracts) =>
      Object.entries(contracts).map(([name, { evm }]) => [name, evm.bytecode.object] as const)
    )
  )
})

/** All are compiled in one run, once per process, because loading the compiler costs more than using it. */
const compiledOnce = Effect.runSync(Effect.cached(compile))

export const bytecodeOf = (
  name: ContractName
): Effect.Effect<`0x${string}`, ContractsUnavailable> =>
  Effect.flatMap(compiledOnce, (compiled) => {
    const bytecode = compiled.get(name)
    return bytecode === undefined
      ? Effect.fail(new ContractsUnavailable({ message: `there is no contract ${name}` }))
      : Effect.succeed(`0x${bytecode}` as const)
  })
