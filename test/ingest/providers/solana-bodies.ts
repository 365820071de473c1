/** Solana transactions as a node gives them, written from the documented shape, and what decodes them. */
import { base58 } from "@scure/base"
import { Effect, Result, type Schema } from "effect"
import { FetchHttpClient } from "effect/http"
import type { Address } from "../../../src/domain/chain.ts"
import type { Announcement, Provider } from "../../../src/ingest/provider.ts"
import { type ProviderCase, sourceOf } from "./conformance.ts"
import { chainsByName, newSignature, newSolanaAddress } from "./fixtures.ts"

export const systemProgram = "11111111111111111111111111111111"

export interface TokenBalanceOf {
  /** Which account of the transaction. */
  readonly account: string
  readonly owner: string
  readonly mint: string
  readonly before?: string
  readonly after?: string
}

export interface RawOptions {
  readonly signature?: string
  readonly err?: Schema.Json
  /** The account, and its lamports before and after. The first one pays the fee. */
  readonly accounts: ReadonlyArray<readonly [string, number, number]>
  readonly tokens?: ReadonlyArray<TokenBalanceOf>
  readonly instructions?: ReadonlyArray<Schema.Json>
  readonly inner?: ReadonlyArray<Schema.Json>
}

export const fee = 5_000

/** A transaction of `getTransaction` with the encoding `json`. */
export const rawTransaction = ({
  signature = newSignature(),
  err = null,
  accounts,
  tokens = [],
  instructions = [],
  inner = []
}: RawOptions) => {
  const keys = accounts.map(([account]) => account)
  const side = (amountOf: (token: TokenBalanceOf) => string | undefined) =>
    tokens.flatMap((token) => {
      const amount = amountOf(token)
      if (amount === undefined) return []
      const { account, mint, owner } = token
      return [
        {
          accountIndex: keys.indexOf(account),
          mint,
          owner,
          programId: "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA",
          uiTokenAmount: { amount, decimals: 6, uiAmount: 0.1, uiAmountString: "0.1" }
        }
      ]
    })
  return {
    blockTime: 1_764_000_000,
    indexWithinBlock: 12,
    meta: {
      err,
      fee,
      innerInstructions: [{ index: 0, instructions: [...inner] }],
      loadedAddresses: { readonly: [] as string[], writable: [] as string[] },
      logMessages: [`Program ${systemProgram} invoke [1]`],
      postBalances: accounts.map(([, , after]) => after),
      postTokenBalances: side(({ after }) => after),
      preBalances: accounts.map(([, before]) => before),
      preTokenBalances: side(({ before }) => before),
      rewards: []
    },
    slot: 362_636_341,
    transaction: {
      message: {
        accountKeys: keys,
        addressTableLookups: null,
        header: {
          numReadonlySignedAccounts: 0,
          numReadonlyUnsignedAccounts: 1,
          numRequiredSignatures: 1
        },
        instructions: [...instructions],
        recentBlockhash: newSolanaAddress()
      },
      signatures: [signature]
    },
    version: 0
  }
}

/** The data of an instruction of the System program: its number, then numbers of 8 bytes, then keys. */
export const systemData = (
  kind: number,
  numbers: ReadonlyArray<bigint> = [],
  keys: ReadonlyArray<string> = []
): string => {
  const data = Buffer.alloc(4 + 8 * numbers.length)
  data.writeUInt32LE(kind)
  numbers.forEach((number, index) => {
    data.writeBigUInt64LE(number, 4 + 8 * index)
  })
  return base58.encode(Buffer.concat([data, ...keys.map((key) => base58.decode(key))]))
}

export interface DecodeOptions {
  readonly headers?: Readonly<Record<string, string>>
  readonly chains?: typeof chainsByName
}

/** What a provider makes of a body that was verified. */
export const decodeWith = (
  provider: Provider,
  source: ProviderCase,
  body: Schema.Json | Buffer,
  { chains = chainsByName, headers = {} }: DecodeOptions = {}
) =>
  Effect.gen(function* () {
    const receiver = yield* provider.receiver(sourceOf(source), chains)
    const bytes = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body))
    const json: Schema.Json = JSON.parse(bytes.toString())
    return receiver.decode(json, { headers, body: new Uint8Array(bytes), receivedAt: 0 })
  }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer))

/** The claims without their chain, and who sent them. */
export const brief = ({
  transfers
}: Announcement): ReadonlyArray<{
  readonly token: string
  readonly amount: string
  readonly to: string
  readonly from: string | null
}> =>
  transfers.map(({ claim, from_address }) => ({
    token: claim.token,
    amount: claim.amount,
    to: claim.to_address,
    from: from_address
  }))

export const reasons = ({ ignored }: Announcement) => ignored.map(({ reason }) => reason)

export const announced = <E>(result: Result.Result<Announcement, E>): Announcement => {
  if (Result.isFailure(result)) throw new Error(JSON.stringify(result.failure))
  return result.success
}

export const faultsOf = <E>(result: Result.Result<Announcement, E>): E => {
  if (Result.isSuccess(result)) throw new Error(`decoded: ${JSON.stringify(result.success)}`)
  return result.failure
}

export const someone = (): Address => newSolanaAddress()
