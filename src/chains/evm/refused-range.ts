/**
 * Whether an answer to `eth_getLogs` says that it was asked for too much at once.
 *
 * Each node has limits of its own, on blocks, on results, on bytes or on time, and words of its own
 * for them. Few name the range that would do, so smaller ones are tried.
 */
import type { RpcErrorAnswer } from "../rpc/faults.ts"
import type { RpcFailure } from "../validator.ts"

/** Invalid params, and EIP-1474's "limit exceeded". */
const codes: ReadonlySet<number> = new Set([-32602, -32005])

const words =
  /\brange|too (?:many|much|large|big|wide)|more than|exceed|limit|response size|time(?:d)?[- ]?out|deadline/i

/** The same codes and words tell of too many calls, which no smaller range would mend. */
const wordsOfRateLimits =
  /\brate\b|rate[- ]?limit|too many requests|requests? limit|per (?:second|minute|hour|day)\b|daily|monthly|throughput|capacity|quota|credits/i

export const isRangeRefused = (error: RpcErrorAnswer | RpcFailure): boolean =>
  error._tag === "RpcFailure"
    ? error.about === "answer_size"
    : !wordsOfRateLimits.test(error.message) && (codes.has(error.code) || words.test(error.message))

const wordsOfSize =
  /too (?:many|much|large|big)|(?:more than|exceed|limit).*(?:results?|logs|events|size|bytes)|(?:results?|logs|events|size|bytes).*(?:exceed|limit|too)/i

/** In words: it is the size of the answer, and neither the range nor the node's mood. */
export const saysTooMuch = (error: RpcErrorAnswer | RpcFailure): boolean =>
  error._tag === "RpcFailure"
    ? error.about === "answer_size"
    : !wordsOfRateLimits.test(error.message) && wordsOfSize.test(error.message)
