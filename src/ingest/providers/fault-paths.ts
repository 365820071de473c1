/** Faults in the items of a body that has many, by their paths in the whole: `[3].meta.err`. */
import { Result } from "effect"
import { type FieldFault, maxNamedFaults } from "../problem.ts"

/** `data` and `[0].hash` are `data[0].hash`; `data` and `network` are `data.network`. */
export const joinPath = (prefix: string, path: string): string =>
  prefix === "" || path === "" || path.startsWith("[") ? `${prefix}${path}` : `${prefix}.${path}`

export const prefixed =
  (prefix: string) =>
  (faults: ReadonlyArray<FieldFault>): ReadonlyArray<FieldFault> =>
    faults.map(({ message, path }) => ({ path: joinPath(prefix, path), message }))

/** What each item comes to, in order; or the faults, of which no more are looked for than are named. */
export const allOrFaults = <A, B>(
  items: Iterable<A>,
  read: (item: A, index: number) => Result.Result<B, ReadonlyArray<FieldFault>>
): Result.Result<ReadonlyArray<B>, ReadonlyArray<FieldFault>> => {
  const successes: Array<B> = []
  const faults: Array<FieldFault> = []
  let index = 0
  for (const item of items) {
    const result = read(item, index++)
    if (Result.isSuccess(result)) successes.push(result.success)
    // One item can have more faults than a call takes arguments.
    else faults.push(...result.failure.slice(0, maxNamedFaults))
    if (faults.length >= maxNamedFaults) break
  }
  return faults.length > 0
    ? Result.fail(faults.slice(0, maxNamedFaults))
    : Result.succeed(successes)
}
