/**
 * QuickNode Streams: receipts, logs and transactions of EVM chains, and transactions of Solana.
 *
 * https://www.quicknode.com/docs/streams/data-sources; signing: see quicknode-signature.ts
 * Hex HMAC-SHA256 over X-QN-Nonce + X-QN-Timestamp + body, keyed with the stream's security token;
 * five minutes either way. A body may be compressed with gzip, and is signed before that.
 *
 * Body: what the stream's filter returns, in `data` or alone. A stream carries whole blocks: let the
 * filter select the addresses that are registered, or each transfer of each block makes a job, which
 * goes to the dead-letter queue as a deposit to an unknown address.
 *
 * Which chain it is stands in `metadata.network`, such as `ethereum-mainnet`. If the filter leaves it
 * out, the source must have one entry in `networks`. The header Stream-Network is not looked at,
 * because it is not signed.
 */
import { Effect, Predicate, Result, Schema } from "effect"
import type { ChainConfig } from "../../config/chain-config.ts"
import { plainSecret } from "../../config/source-rules.ts"
import type { Source } from "../../config/surehook-config.ts"
import type { ChainName } from "../../domain/chain.ts"
import type { FieldFault } from "../problem.ts"
import type { AnnouncedTransfer, Announcement, Ignored, Provider } from "../provider.ts"
import { chainOf, unknownNetwork } from "../tokens.ts"
import { allOrFaults } from "./fault-paths.ts"
import { evmReadings } from "./quicknode-evm.ts"
import { type Item, isEmpty, isJsonObject, itemsIn } from "./quicknode-items.ts"
import { quicknodeVerifier } from "./quicknode-signature.ts"
import { type Told, tell } from "./solana-balances.ts"
import { exactJson } from "./solana-lamports.ts"
import { rawBalances } from "./solana-transaction.ts"

const minSecretLength = 16
const maxMessageIdLength = 256

type Faults = ReadonlyArray<FieldFault>

const networkPath = "metadata.network"

const streamedChain = (
  { networks }: Source,
  chains: ReadonlyMap<ChainName, ChainConfig>,
  body: Schema.Json
): Result.Result<ChainConfig, Faults> => {
  const fault = (message: string) => Result.fail([{ path: networkPath, message }])
  const metadata = isJsonObject(body) ? body.metadata : undefined
  const named = isJsonObject(metadata) ? metadata.network : undefined
  const names = [...(networks?.keys() ?? [])]
  const network = named ?? (names.length === 1 ? names[0] : undefined)
  if (network === undefined) {
    return fault(
      "is missing, and this source has several networks in surehook.yaml: let the filter of the stream return its metadata, or give each stream a source of its own"
    )
  }
  if (!Predicate.isString(network)) return fault("must be a string")
  const chain = chainOf(networks, chains, network)
  if (chain === undefined) return fault(unknownNetwork(networks))
  return chain.kind === "evm" || chain.kind === "solana"
    ? Result.succeed(chain)
    : fault(`is mapped to ${chain.name}: streams of EVM chains and of Solana can be read`)
}

const toldOf = (one: AnnouncedTransfer | Ignored): Told =>
  "claim" in one ? { transfers: [one], ignored: [] } : { transfers: [], ignored: [one] }

const tellAll = (
  chain: ChainConfig,
  items: ReadonlyArray<Item>
): Result.Result<ReadonlyArray<Told>, Faults> =>
  chain.kind === "solana"
    ? allOrFaults(items, ({ json, path }) =>
        Result.flatMap(rawBalances(json, path), (transaction) => tell(chain, transaction))
      )
    : allOrFaults(evmReadings(chain, items), Result.map(toldOf))

/** An item of another family of chains than that of the body's network is a mistake in surehook.yaml. */
const ofItsFamily =
  ({ kind, name }: ChainConfig) =>
  (item: Item): Result.Result<Item, Faults> =>
    (item.kind === "solana") === (kind === "solana")
      ? Result.succeed(item)
      : Result.fail([
          {
            path: item.path,
            message: `is no part of the chain ${name}, to which surehook.yaml maps its network`
          }
        ])

const messageIdOf = (nonce: string | undefined): string | null =>
  nonce !== undefined && nonce.length <= maxMessageIdLength ? nonce : null

const emptyAnnouncement = (nonce: string | undefined): Announcement => ({
  message_id: messageIdOf(nonce),
  transfers: [],
  ignored: [],
  is_test: true
})

const announcementOf = (
  chain: ChainConfig,
  body: Schema.Json,
  nonce: string | undefined
): Result.Result<Announcement, Faults> => {
  const message_id = messageIdOf(nonce)
  return allOrFaults(itemsIn(body, ""), Result.flatMap(ofItsFamily(chain))).pipe(
    Result.flatMap((items) => tellAll(chain, items)),
    Result.map((all) => ({
      message_id,
      transfers: all.flatMap(({ transfers }) => transfers),
      ignored: all.flatMap(({ ignored }) => ignored)
    }))
  )
}

export const quicknode: Provider = {
  secret: plainSecret(minSecretLength),
  namesNetworks: true,
  sendsBlocks: true,
  options: Schema.Struct({}),
  takesGzip: true,
  receiver: (source, chains) =>
    Effect.succeed({
      verify: quicknodeVerifier(source.secrets),
      decode: (body, { body: bytes, headers }) =>
        // To try an endpoint, QuickNode sends nothing, from nowhere.
        isEmpty(body)
          ? Result.succeed(emptyAnnouncement(headers["x-qn-nonce"]))
          : Result.flatMap(streamedChain(source, chains, body), (chain) => {
              const exact = chain.kind === "solana" ? exactJson(body, bytes) : body
              return announcementOf(chain, exact, headers["x-qn-nonce"])
            })
    })
}
