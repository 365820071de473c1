/**
 * Reads a range of blocks of which a part is too large to be read: all but that part, and says what it
 * left out.
 *
 * Anybody can fill a block, or the history of an address, with dust until no endpoint gives it away in
 * one answer. That must stop neither the other addresses nor the blocks that follow. What is too large is
 * found by halves: first of the addresses, for it is most often one, else of the blocks.
 */
import { Effect, Result } from "effect"
import type { BlockRange, ChainScanner, ScanError, ScannedTransfer } from "../chains/scanner.ts"
import type { Address } from "../domain/chain.ts"

/** In one range. What is left then is left out as it is. */
const maxScans = 200

export interface LeftOut {
  readonly range: BlockRange
  readonly addresses: ReadonlySet<Address>
  /** As the endpoint said it. */
  readonly reason: string
}

export const scanPiecewise = Effect.fnUntraced(function* (
  scanner: ChainScanner,
  range: BlockRange,
  addresses: ReadonlySet<Address>
) {
  const transfers: Array<ScannedTransfer> = []
  const leftOut: Array<LeftOut> = []
  let scans = 0

  /** Whether it could be read. Fails if that says nothing of its size. */
  const read = Effect.fnUntraced(function* (
    piece: BlockRange,
    some: ReadonlySet<Address>
  ): Effect.fn.Return<ScanError | undefined, ScanError> {
    scans++
    const result = yield* Effect.result(scanner.scan(piece, some))
    if (Result.isSuccess(result)) {
      transfers.push(...result.success)
      return undefined
    }
    return isTooLarge(result.failure) ? result.failure : yield* Effect.fail(result.failure)
  })

  const readOrSplit = (
    piece: BlockRange,
    some: ReadonlySet<Address>
  ): Effect.Effect<void, ScanError> =>
    Effect.flatMap(read(piece, some), (error) =>
      error === undefined ? Effect.void : split(piece, some, error)
    )

  const split = (
    piece: BlockRange,
    some: ReadonlySet<Address>,
    error: ScanError
  ): Effect.Effect<void, ScanError> =>
    Effect.gen(function* () {
      const blocks = scanner.isLimitedByAddress === true ? undefined : halvesOfRange(piece)
      const [one, other] = halvesOf(some)
      if (scans >= maxScans || (other === undefined && blocks === undefined)) {
        leftOut.push({ range: piece, addresses: some, reason: error.message })
        return
      }
      if (other === undefined) {
        for (const half of blocks ?? []) yield* readOrSplit(half, some)
        return
      }
      const errors = [yield* read(piece, one), yield* read(piece, other)] as const
      if (errors[0] !== undefined && errors[1] !== undefined && blocks !== undefined) {
        // It is not the addresses. Nothing was read of either half.
        for (const half of blocks) yield* readOrSplit(half, some)
        return
      }
      if (errors[0] !== undefined) yield* split(piece, one, errors[0])
      if (errors[1] !== undefined) yield* split(piece, other, errors[1])
    })

  yield* readOrSplit(range, addresses)
  return { transfers, leftOut }
})

const isTooLarge = (error: ScanError): boolean =>
  error._tag !== "CircuitsOpen" && error.about === "answer_size"

const halvesOf = (
  all: ReadonlySet<Address>
): readonly [ReadonlySet<Address>, ReadonlySet<Address> | undefined] => {
  if (all.size < 2) return [all, undefined]
  const list = [...all]
  const middle = Math.ceil(list.length / 2)
  return [new Set(list.slice(0, middle)), new Set(list.slice(middle))]
}

const halvesOfRange = ({ from, to }: BlockRange): ReadonlyArray<BlockRange> | undefined => {
  if (from === to) return undefined
  const middle = Math.floor((from + to) / 2)
  return [
    { from, to: middle },
    { from: middle + 1, to }
  ]
}
