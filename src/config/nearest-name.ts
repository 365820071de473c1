/** Which known name a person most likely meant by a wrong one. */

/** How many letters to insert, delete or change to get from one to the other (Levenshtein). */
const editDistance = (from: string, to: string): number => {
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (const [row, letter] of [...from].entries()) {
    const current = [row + 1]
    for (let column = 1; column <= to.length; column++) {
      const change = letter === to[column - 1] ? 0 : 1
      current.push(
        Math.min(
          (current[column - 1] ?? 0) + 1,
          (previous[column] ?? 0) + 1,
          (previous[column - 1] ?? 0) + change
        )
      )
    }
    previous = current
  }
  return previous[to.length] ?? 0
}

/** The known name nearest to `name`; undefined if none is near enough to be what was meant. */
export const nearestName = (name: string, known: Iterable<string>): string | undefined => {
  let nearest: { readonly name: string; readonly distance: number } | undefined
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase())
    const near =
      name.startsWith(candidate) || distance <= Math.max(2, Math.floor(candidate.length / 3))
    if (near && (nearest === undefined || distance < nearest.distance)) {
      nearest = { name: candidate, distance }
    }
  }
  return nearest?.name
}

/** The end of a line about an unknown name: "did you mean …?", or all that is known. */
export const suggestion = (name: string, known: ReadonlyArray<string>): string => {
  const nearest = nearestName(name, known)
  return nearest === undefined ? `known are ${known.join(", ")}` : `did you mean ${nearest}?`
}
