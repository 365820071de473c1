/**
 * `${NAME}` in the strings of surehook.yaml takes the value of an environment variable.
 *
 * It happens after the YAML is parsed, so no character of a secret can change the file's structure,
 * and a value is never searched for references again. `$${` stands for the characters `${`.
 */
import type { ConfigProblem, KeyPath } from "./key-path.ts"
import type { EnvRecord } from "./process-env.ts"

export interface Substituted {
  readonly document: unknown
  readonly problems: ReadonlyArray<ConfigProblem>
}

const referencePattern = /\$\$\{|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)\})?/g

const badReference =
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the characters themselves are meant
  "has ${ without a variable's name and }: write ${NAME}, or $${ for the characters ${ themselves"

export const substitute = (document: unknown, env: EnvRecord): Substituted => {
  const problems: Array<ConfigProblem> = []

  const inText = (text: string, path: KeyPath): string =>
    text.replace(referencePattern, (reference: string, name: string | undefined) => {
      if (reference === "$${") return "${"
      if (name === undefined) {
        problems.push({ path, message: badReference })
        return ""
      }
      const value = env[name]
      if (value === undefined || value === "") {
        const state = value === undefined ? "not set" : "set but empty"
        problems.push({ path, message: `the environment variable ${name} is ${state}` })
        return ""
      }
      return value
    })

  const inValue = (value: unknown, path: KeyPath): unknown => {
    if (typeof value === "string") return inText(value, path)
    if (Array.isArray(value)) return value.map((item, index) => inValue(item, [...path, index]))
    if (typeof value !== "object" || value === null) return value
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, inValue(item, [...path, key])])
    )
  }

  return { document: inValue(document, []), problems }
}
