/** A watched chain of a test's own making, and a tenant with two addresses on it. */
import { PgClient } from "@effect/sql-pg"
import { Effect, Redacted } from "effect"
import { Addresses } from "../../src/addresses/addresses.ts"
import { AccountReference } from "../../src/addresses/registration.ts"
import type { BlockRange, ChainScanner, ScannedTransfer } from "../../src/chains/scanner.ts"
import { RpcFailure } from "../../src/chains/validator.ts"
import type { ChainConfig } from "../../src/config/chain-config.ts"
import type { SurehookConfig } from "../../src/config/surehook-config.ts"
import { Amount } from "../../src/domain/amount.ts"
import { Address, TxHash } from "../../src/domain/chain.ts"
import { Environment, SourceId, TenantId, TokenSymbol } from "../../src/domain/ids.ts"
import { localchain } from "../deposits/jobs.ts"
import { confirmAll } from "../support/scripted-validator.ts"
import { unreachableChain } from "../support/service.ts"

export const ours = Address.make(`0x${"aa".repeat(20)}`)
export const alsoOurs = Address.make(`0x${"bb".repeat(20)}`)
export const usdc = TokenSymbol.make("USDC")

export const chain: ChainConfig = {
  ...unreachableChain,
  name: localchain,
  watch: true,
  tokens: new Map([
    [
      usdc,
      {
        _tag: "Contract",
        contract: Address.make(`0x${"cc".repeat(20)}`),
        decimals: 6,
        large_above: Amount.make("100"),
        large_confirmations: 3
      }
    ]
  ])
}

export const sourceIn = (environment: string, id: string) => ({
  id: SourceId.make(id),
  tenant_id: TenantId.make("acme"),
  environment: Environment.make(environment),
  provider: "standard",
  secrets: [Redacted.make("secret")]
})

export const configOf = (changes: Partial<ChainConfig> = {}): SurehookConfig["Service"] => ({
  sources: new Map([[SourceId.make("main"), sourceIn("production", "main")]]),
  chains: new Map([[localchain, { ...chain, ...changes }]]),
  apiTokens: []
})

export const register = Effect.gen(function* () {
  yield* (yield* Addresses).register(
    [ours, alsoOurs].map((address) => ({
      tenant_id: TenantId.make("acme"),
      chain: localchain,
      address,
      account_reference: AccountReference.make("customer-1")
    })),
    "test"
  )
})

export const transfer = (block_number: number, fields: Partial<ScannedTransfer["claim"]> = {}) => ({
  block_number,
  claim: {
    chain: localchain,
    tx_hash: TxHash.make(`0x${block_number.toString(16).padStart(64, "0")}`),
    token: usdc,
    amount: Amount.make("1.5"),
    to_address: ours,
    transfer_index: 0,
    ...fields
  }
})

/** A chain of the test's own making, which notes what of it was read. */
export const scannerOf = (transfers: Array<ScannedTransfer>) => {
  const read: Array<BlockRange> = []
  const chain = { latest: 100, final: 90, fails: false }
  const scanner: ChainScanner = {
    maxBlocks: 10,
    heads: Effect.sync(() => ({ latest: chain.latest, final: chain.final })),
    scan: (range, addresses) =>
      Effect.suspend(() => {
        if (chain.fails) {
          return Effect.fail(
            new RpcFailure({
              chain: localchain,
              endpoint: "host#0",
              message: "host#0 cannot be reached",
              retry_after_ms: null
            })
          )
        }
        read.push(range)
        return Effect.succeed(
          transfers.filter(
            ({ block_number, claim }) =>
              block_number >= range.from &&
              block_number <= range.to &&
              addresses.has(claim.to_address)
          )
        )
      })
  }
  return { scanners: new Map([[localchain, scanner]]), read, chain }
}

export const jobs = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  return yield* sql<{ source: string; tx_hash: string; priority: number; environment: string }>`
    SELECT source, tx_hash, priority, environment FROM funding_event_jobs ORDER BY tx_hash, id`
})

export const config = configOf()
export const script = confirmAll
