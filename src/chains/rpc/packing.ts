/** Which calls travel in one HTTP request. */
import { Array as Arr } from "effect"

export interface Packable {
  /** Equal calls have equal keys, and are made once. */
  readonly key: string
  /** Calls of one group are never parted, so that one node answers them all. */
  readonly group: string | null
}

/**
 * Packs calls into requests of at most `maxBatch` different calls, in order; a group that is
 * larger by itself stays whole. With one call a request, groups are meaningless and are dissolved.
 * Each request holds its different calls, and each of these all that are equal to it.
 */
export const pack = <A extends Packable>(
  calls: ReadonlyArray<A>,
  maxBatch: number
): ReadonlyArray<Arr.NonEmptyReadonlyArray<Arr.NonEmptyReadonlyArray<A>>> => {
  const requests: Array<Map<string, Arr.NonEmptyArray<A>>> = []
  const groups = Map.groupBy(calls, ({ key, group }) =>
    group === null || maxBatch === 1 ? `call ${key}` : `group ${group}`
  )
  for (const group of groups.values()) {
    const last = requests.at(-1)
    const keys = new Set(group.map(({ key }) => key))
    const isRoom = last !== undefined && new Set([...last.keys(), ...keys]).size <= maxBatch
    const request = isRoom ? last : new Map<string, Arr.NonEmptyArray<A>>()
    if (!isRoom) requests.push(request)
    for (const call of group) {
      const equals = request.get(call.key)
      if (equals === undefined) request.set(call.key, [call])
      else equals.push(call)
    }
  }
  return requests.flatMap((request) => {
    const different = [...request.values()]
    return Arr.isReadonlyArrayNonEmpty(different) ? [different] : []
  })
}
