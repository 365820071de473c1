/**
 * An exhaustive explorer: visits every state that a model can reach, breadth first, so that what it finds
 * broken it shows by one of the shortest ways there.
 *
 * Two kinds of guarantees. What must never be (`brokenIn`) is asked of every state. What must always be
 * possible (`promises`) is asked of the whole graph: from every state some way leads to where it is kept.
 */

/** Who does a step: a promise says whose steps may be needed to keep it. */
export type Doer = "system" | "operator" | "fault"

export interface Step<S> {
  /** For a person: "w1 claims A". */
  readonly name: string
  readonly by: Doer
  readonly to: S
}

export interface Promised<S> {
  readonly name: string
  /** Whose steps lead there. */
  readonly by: ReadonlyArray<Doer>
  readonly isKept: (state: S) => boolean
}

export interface Model<S> {
  readonly initial: S
  readonly stepsOf: (state: S) => ReadonlyArray<Step<S>>
  /** Two states with one key behave alike from there on. */
  readonly keyOf: (state: S) => string
  /** Which guarantee does not hold in this state, as a sentence; undefined if all do. */
  readonly brokenIn: (state: S) => string | undefined
  readonly promises: ReadonlyArray<Promised<S>>
}

export interface Counterexample {
  readonly broken: string
  /** From the initial state to the one in which it shows. */
  readonly steps: ReadonlyArray<string>
}

export interface Exploration {
  readonly states: number
  readonly steps: number
  readonly counterexample: Counterexample | undefined
}

/** More than any model here has: one that never ends is a mistake in its keys. */
const maxStates = 2_000_000

export const explore = <S>(model: Model<S>): Exploration => {
  const states: Array<S> = [model.initial]
  const cameFrom: Array<{ readonly state: number; readonly name: string } | undefined> = [undefined]
  const numbers = new Map([[model.keyOf(model.initial), 0]])
  /** Of each doer: from, to, from, to, … There are millions. */
  const edges: Record<Doer, Array<number>> = { system: [], operator: [], fault: [] }
  let steps = 0

  const result = (counterexample?: Counterexample): Exploration => ({
    states: states.length,
    steps,
    counterexample
  })
  const shown = (broken: string, at: number): Counterexample => {
    const way: Array<string> = []
    for (let via = cameFrom[at]; via !== undefined; via = cameFrom[via.state]) way.push(via.name)
    return { broken, steps: way.reverse() }
  }

  const broken = model.brokenIn(model.initial)
  if (broken !== undefined) return result(shown(broken, 0))
  // The list grows while it is walked: that is the breadth-first queue.
  for (const [from, state] of states.entries()) {
    for (const { by, name, to } of model.stepsOf(state)) {
      const key = model.keyOf(to)
      const known = numbers.get(key)
      steps++
      edges[by].push(from, known ?? states.length)
      if (known !== undefined) continue
      if (states.length === maxStates) throw new Error(`more than ${maxStates} states`)
      numbers.set(key, states.length)
      states.push(to)
      cameFrom.push({ state: from, name })
      const broken = model.brokenIn(to)
      if (broken !== undefined) return result(shown(broken, states.length - 1))
    }
  }

  for (const promised of model.promises) {
    const lost = firstWithoutWay(states, edges, promised)
    if (lost !== undefined) return result(shown(`no way leads to: ${promised.name}`, lost))
  }
  return result()
}

/** Walks backwards from where the promise is kept, and returns the first state that it never meets. */
const firstWithoutWay = <S>(
  states: ReadonlyArray<S>,
  edges: Readonly<Record<Doer, ReadonlyArray<number>>>,
  { by, isKept }: Promised<S>
): number | undefined => {
  const before = states.map((): Array<number> => [])
  for (const doer of by) {
    const ends = edges[doer]
    for (let i = 0; i < ends.length; i += 2) before[ends[i + 1] ?? 0]?.push(ends[i] ?? 0)
  }
  const found = states.flatMap((state, index) => (isKept(state) ? [index] : []))
  const isReached = states.map(() => false)
  for (const at of found) isReached[at] = true
  for (const at of found) {
    for (const from of before[at] ?? []) {
      if (isReached[from]) continue
      isReached[from] = true
      found.push(from)
    }
  }
  const lost = isReached.indexOf(false)
  return lost < 0 ? undefined : lost
}
