/** The protocol as the explorer takes it. */
import { operatorSteps, providerSteps, reconcilerSteps, sweeperSteps } from "./bystanders.ts"
import type { Flaw } from "./database.ts"
import type { Model } from "./explore.ts"
import { brokenIn, promises } from "./guarantees.ts"
import {
  type Bounds,
  chainSteps,
  initial,
  type Setting,
  type State,
  worldSteps
} from "./protocol.ts"
import { keyOf } from "./state-key.ts"
import { workerSteps } from "./worker.ts"

const doers = [
  workerSteps,
  sweeperSteps,
  reconcilerSteps,
  operatorSteps,
  providerSteps,
  chainSteps,
  worldSteps
]

export const modelOf = (bounds: Bounds, flaw?: Flaw): Model<State> => {
  const setting: Setting = { bounds, flaw }
  return {
    initial: initial(setting),
    stepsOf: (state) => doers.flatMap((stepsOf) => stepsOf(state, setting)),
    keyOf: (state) => keyOf(state, setting),
    brokenIn: (state) => brokenIn(state, setting),
    // Who is dead-lettered by bad luck is helped by the reconciler.
    promises: bounds.reconcilers === 0 ? [] : promises
  }
}
