/** Lists by key, and sums by key. */

export const groupBy = <A>(
  all: ReadonlyArray<A>,
  keyOf: (one: A) => string
): ReadonlyMap<string, ReadonlyArray<A>> => {
  const groups = new Map<string, Array<A>>()
  for (const one of all) {
    const key = keyOf(one)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [one])
    else group.push(one)
  }
  return groups
}

export const sumBy = <A>(
  all: ReadonlyArray<A>,
  keyOf: (one: A) => string,
  valueOf: (one: A) => bigint
): ReadonlyMap<string, bigint> => {
  const sums = new Map<string, bigint>()
  for (const one of all) sums.set(keyOf(one), (sums.get(keyOf(one)) ?? 0n) + valueOf(one))
  return sums
}
