/**
 * Whose fault is a failed call? The answer decides what becomes of the deposit.
 *
 * An endpoint's fault is waited out and counted by its circuit. A call that is wrong in itself
 * would fail anywhere and for ever, so it is refused at once and says nothing about the endpoint.
 * In doubt it is the endpoint: waiting is the mistake that loses nothing.
 */
import { Data, DateTime, Option } from "effect"
import { RpcFailure } from "../validator.ts"

/** The endpoint answered, and its answer is a JSON-RPC error. */
export class RpcErrorAnswer extends Data.TaggedError("RpcErrorAnswer")<{
  readonly code: number
  /** Already free of the endpoint's secrets. */
  readonly message: string
}> {}

/** A failure that any endpoint would give for this transaction: its circuit must not count it. */
export const ofAnswerSize = (failure: RpcFailure): RpcFailure =>
  new RpcFailure({
    chain: failure.chain,
    endpoint: failure.endpoint,
    message: failure.message,
    about: "answer_size",
    retry_after_ms: failure.retry_after_ms
  })

const invalidRequest = -32600
const methodNotFound = -32601
const invalidParams = -32602
/** EIP-1474. */
const methodNotSupported = -32004
/** What several clients answer for a block tag they do not know. */
const unknownBlock = -39001

/**
 * Only wrong parameters are. "Invalid request" is what providers say of an expired key, and
 * "method not found" of a call that every node offers comes from a URL that is no node: neither
 * may dead-letter the deposits of a whole chain.
 */
export const isOurFault = (answer: RpcErrorAnswer): boolean => answer.code === invalidParams

const codesOfAbsentMethods: ReadonlySet<number> = new Set([
  invalidRequest,
  methodNotFound,
  invalidParams,
  methodNotSupported
])

/** Whether the answer to a call that not every endpoint offers says that this one does not. */
export const isNotOffered = (answer: RpcErrorAnswer): boolean =>
  codesOfAbsentMethods.has(answer.code)

const wordsOfAbsentTags =
  /finalized|safe block|unknown block|(not|un)[- ]?supported|invalid block|hex string/i

/**
 * Whether the answer to `eth_getBlockByNumber("finalized")` says that the chain has no such tag.
 * Taken for that, a mere hiccup would end the watch over a deposit that a reorg can still undo:
 * only the codes and words by which clients say it will do.
 */
export const isTagUnknown = ({ code, message }: RpcErrorAnswer): boolean =>
  code === invalidParams ||
  code === unknownBlock ||
  (code === -32000 && wordsOfAbsentTags.test(message))

/** A server that asks for more than this is asked again sooner: a typo must not stop a chain for a year. */
const maxRetryAfterMillis = 3_600_000

/** `Retry-After` holds seconds or an HTTP date, which is always in GMT (RFC 9110, 10.2.3). */
export const retryAfterMillis = (header: string | null, nowMillis: number): number | null => {
  const text = header?.trim() ?? ""
  const millis = /^\d+$/.test(text)
    ? Number(text) * 1000
    : /^[A-Za-z]+, .+ GMT$/.test(text)
      ? DateTime.make(text).pipe(
          Option.map((date) => DateTime.toEpochMillis(date) - nowMillis),
          Option.getOrNull
        )
      : null
  return millis === null ? null : Math.min(Math.max(millis, 0), maxRetryAfterMillis)
}
