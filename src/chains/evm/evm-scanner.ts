/**
 * The scanner of EVM chains: the transfers of which no webhook told.
 *
 *     tokens         one call of `eth_getLogs` for many blocks       token-scan.ts
 *     native coin    each block with its transactions                native-scan.ts
 *
 * Native value that is moved inside of contract calls is not found, see there.
 */
import { Effect } from "effect"
import type { ChainConfig } from "../../config/chain-config.ts"
import type { Endpoints } from "../rpc/endpoints.ts"
import type { ChainScanner, ScannedTransfer } from "../scanner.ts"
import { RpcRefused } from "../validator.ts"
import { makeHeads } from "./calls.ts"
import { finalHeight, type Heads } from "./finality.ts"
import { makeNativeScan } from "./native-scan.ts"
import { makeTokenScan, maxBlocksOfLogs } from "./token-scan.ts"

/** Where each block is read by itself, fewer are enough for one scan. */
const maxWholeBlocks = 100

export const makeEvmScanner = (
  chain: ChainConfig,
  endpoints: Endpoints
): Effect.Effect<ChainScanner> =>
  Effect.sync(() => {
    const headsOf = makeHeads(chain)
    const scanTokens = makeTokenScan(chain, endpoints)
    const scanNative = makeNativeScan(chain, endpoints)
    const hasNative = [...chain.tokens.values()].some(({ _tag }) => _tag === "Native")
    /** Kept, for an endpoint may not know it now. */
    let finalized: Heads["finalized"] = null
    return {
      maxBlocks: hasNative ? maxWholeBlocks : maxBlocksOfLogs,
      heads: endpoints
        .ask((endpoint) => headsOf(endpoint, "heads", chain.confirmations))
        .pipe(
          Effect.flatMap((heads) => {
            finalized = heads.finalized ?? finalized
            // Taken for final too early, a block would never be read again.
            return heads.hasFinalized && finalized === null
              ? Effect.fail(finalUnknown(chain))
              : Effect.succeed({
                  latest: heads.latest.number,
                  final: finalHeight({ ...heads, finalized }, chain.confirmations)
                })
          })
        ),
      scan: Effect.fn("EvmScanner.scan")(function* (range, addresses) {
        if (addresses.size === 0) return []
        const ofTokens = yield* scanTokens(range, addresses)
        const ofCoin = yield* scanNative(range, addresses)
        return [...ofTokens, ...ofCoin].toSorted(byPlace)
      })
    }
  })

const finalUnknown = ({ name }: ChainConfig) =>
  new RpcRefused({
    chain: name,
    endpoint: name,
    message: `no endpoint of ${name} tells its newest finalized block now: blocks are read when one does`
  })

/** Native transfers, which have no index, before the logs of their block. */
const byPlace = (a: ScannedTransfer, b: ScannedTransfer): number =>
  a.block_number - b.block_number || (a.claim.transfer_index ?? -1) - (b.claim.transfer_index ?? -1)
