/** YAML text to plain values, with the line of a syntax error and how to mend it. */
import { Result } from "effect"
import { Yaml } from "effect/encoding"
import { shownKey } from "./key-path.ts"

export interface YamlSyntaxError {
  /** Counted from 1; undefined if the parser could not tell. */
  readonly line: number | undefined
  readonly message: string
}

export const parseYaml = (text: string): Result.Result<unknown, YamlSyntaxError> =>
  Result.mapError(attempt(text), (message) => {
    const located = / at line (\d+)$/.exec(message)
    const line = located === null ? firstLineWith(text, message) : Number(located[1])
    return { line, message: explained(message, text, line) }
  })

const attempt = (text: string): Result.Result<unknown, string> =>
  Result.try({
    try: () => Yaml.parse(text),
    catch: (cause) => (cause instanceof Error ? cause.message : String(cause))
  })

const linesOf = (text: string): ReadonlyArray<string> => text.split(/\r\n?|\n/)

/**
 * Inside [ ], { } and quotes the parser does not say which line it was on. It reads from the start,
 * so the shortest beginning of the file that gives the same error ends with that line.
 */
const firstLineWith = (text: string, message: string): number | undefined => {
  const lines = linesOf(text)
  for (let line = 1; line <= lines.length; line++) {
    const beginning = attempt(lines.slice(0, line).join("\n"))
    if (Result.isFailure(beginning) && beginning.failure === message) return line
  }
  return undefined
}

const unquotedReference = /[[{,:]\s*\$\{/

// biome-ignore lint/suspicious/noTemplateCurlyInString: the characters themselves are meant
export const unquotedReferenceMessage = 'inside [ ] and { } a "${NAME}" must stand in quotes'

const explained = (message: string, text: string, line: number | undefined): string => {
  const source = line === undefined ? "" : (linesOf(text)[line - 1] ?? "")
  const inCollection = / at flow offset \d+$/.test(message)
  if (inCollection && unquotedReference.test(source)) {
    return unquotedReferenceMessage
  }
  // The parser would show the text after the *, which may well be a secret.
  if (message.startsWith("Unknown YAML alias") || message.startsWith("Unknown alias")) {
    return "a value that starts with * must stand in quotes"
  }
  if (message.startsWith("Invalid YAML escape")) {
    return "inside double quotes a \\ must be written \\\\; or use single quotes"
  }
  const [, duplicate] = /^Duplicate key '(.*)' at /s.exec(message) ?? []
  if (duplicate !== undefined) return `the key ${shownKey(duplicate)} stands twice in one mapping`
  const bare = message.replace(/ at (?:line|flow offset) \d+$/, "")
  return bare.charAt(0).toLowerCase() + bare.slice(1)
}
