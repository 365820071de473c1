/** Where in surehook.yaml something stands, as a person would write it: tenants.acme.sources.main.secrets[0]. */

export type KeyPath = ReadonlyArray<string | number>

/** What is wrong with one key. The message never holds the key's value, which may be a secret. */
export interface ConfigProblem {
  readonly path: KeyPath
  readonly message: string
}

/**
 * A key as it may be shown. In a broken file the parser can take half a line for a key, secret and
 * all, so what does not look like one is not shown.
 */
export const shownKey = (key: string): string =>
  /^[A-Za-z0-9_. @-]{0,64}$/.test(key) ? key : "(not a name)"

export const formatKeyPath = (path: KeyPath): string =>
  path
    .map((key, depth) => {
      if (typeof key === "number") return `[${key}]`
      if (!/^[A-Za-z0-9_-]+$/.test(key)) return `[${JSON.stringify(shownKey(key))}]`
      return depth === 0 ? key : `.${key}`
    })
    .join("")
