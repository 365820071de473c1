/**
 * All chance of a run comes from its seed, so that a run that found something can be had again (as
 * far as real processes allow).
 *
 * The generator is splitmix32: a counter whose every value is mixed. `fork` gives a stream of its
 * own, so that what one part of the harness draws does not depend on when another draws.
 */

export interface Random {
  /** From 0 up to, not including, 1. */
  readonly next: () => number
  /** From `least` to `most`, both included. */
  readonly integer: (least: number, most: number) => number
  readonly chance: (share: number) => boolean
  readonly pick: <A>(from: readonly [A, ...ReadonlyArray<A>]) => A
  readonly shuffle: <A>(all: ReadonlyArray<A>) => ReadonlyArray<A>
  /** That many hexadecimal digits. */
  readonly hex: (digits: number) => string
  readonly fork: (name: string) => Random
}

const golden = 0x9e3779b9

const mix = (value: number): number => {
  let mixed = value | 0
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
  return (mixed ^ (mixed >>> 15)) >>> 0
}

export const makeRandom = (seed: number): Random => {
  let state = seed | 0
  const next = (): number => {
    state = (state + golden) | 0
    return mix(state) / 2 ** 32
  }
  const integer: Random["integer"] = (least, most) =>
    least + Math.floor(next() * (most - least + 1))
  return {
    next,
    integer,
    chance: (share) => next() < share,
    pick: (from) => from[integer(0, from.length - 1)] ?? from[0],
    shuffle: (all) =>
      all
        .map((one) => ({ one, place: next() }))
        .toSorted((a, b) => a.place - b.place)
        .map(({ one }) => one),
    hex: (digits) => Array.from({ length: digits }, () => integer(0, 15).toString(16)).join(""),
    fork: (name) =>
      makeRandom([...name].reduce((hash, letter) => mix(hash ^ letter.charCodeAt(0)), seed))
  }
}
