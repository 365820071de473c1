/**
 * Logs on stdout: one readable line an entry on a terminal, one JSON object a line anywhere else.
 *
 * Nobody should log a secret. That nobody ever will, in any error that a library makes of a URL, is
 * not to be relied on: so every known secret is cut out of the finished line.
 */
import process from "node:process"
import {
  Console,
  Effect,
  Formatter,
  Layer,
  Logger,
  type LogLevel,
  Redacted,
  References
} from "effect"
import { headerSecrets } from "../config/header-secrets.ts"
import { Settings } from "../config/settings.ts"
import { SurehookConfig } from "../config/surehook-config.ts"
import { withoutPrefix } from "../config/webhook-secret.ts"

export type LogFormat = "pretty" | "json"

export interface LoggingOptions {
  readonly format: LogFormat
  readonly level: LogLevel.LogLevel
  readonly redact: Redactor
}

export const loggingLayer = ({ format, level, redact }: LoggingOptions): Layer.Layer<never> =>
  Layer.mergeAll(
    Logger.layer([
      consoleLines(format === "json" ? formatJsonLine : formatPrettyLine(hasColors()), redact)
    ]),
    Layer.succeed(References.MinimumLogLevel, level)
  )

/** Logging as the settings and the config ask for. */
export const layer: Layer.Layer<never, never, Settings | SurehookConfig> = Layer.unwrap(
  Effect.gen(function* () {
    const settings = yield* Settings
    const config = yield* SurehookConfig
    return loggingLayer({
      format: process.stdout.isTTY === true ? "pretty" : "json",
      level: settings.logLevel,
      redact: makeRedactor(knownSecrets(settings, config))
    })
  })
)

const consoleLines = (format: Logger.Logger<unknown, string>, redact: Redactor) =>
  Logger.make((entry) => entry.fiber.getRef(Console.Console).log(redact(format.log(entry))))

const reservedFields = new Set(["timestamp", "level", "message", "cause", "spans"])

/**
 * `{"timestamp":…,"level":"INFO","message":…,"job_id":…,"cause":…}`: annotations stand at the top,
 * where a log store indexes them, and `message` is always a string.
 */
export const formatJsonLine: Logger.Logger<unknown, string> = Logger.map(
  Logger.formatStructured,
  ({ timestamp, level, message, annotations, spans, cause }) =>
    Formatter.formatJson({
      timestamp,
      level,
      message: messageText(message),
      ...Object.fromEntries(
        Object.entries(annotations).map(([name, value]) => [
          reservedFields.has(name) ? `annotation_${name}` : name,
          value
        ])
      ),
      ...(Object.keys(spans).length === 0 ? {} : { spans }),
      ...(cause === undefined ? {} : { cause })
    })
)

const levelColors: Readonly<Record<string, number>> = {
  TRACE: 90,
  DEBUG: 34,
  INFO: 32,
  WARN: 33,
  ERROR: 31,
  FATAL: 31
}
const dim = 2

/** `12:00:01.234 INFO  deposit credited  job_id=… chain=localchain`, with the cause below. */
export const formatPrettyLine = (colors: boolean): Logger.Logger<unknown, string> => {
  const paint = (text: string, code: number | undefined) =>
    colors && code !== undefined ? `\u001b[${code}m${text}\u001b[0m` : text
  return Logger.map(
    Logger.formatStructured,
    ({ timestamp, level, message, annotations, spans, cause }) => {
      const time = timestamp.slice("2026-01-01T".length, -"Z".length)
      const fields = [
        ...Object.entries(annotations).map(([name, value]) => `${name}=${valueText(value)}`),
        ...Object.entries(spans).map(([name, millis]) => `${name}=${millis}ms`)
      ]
      const line = [
        paint(time, dim),
        paint(level.padEnd(5), levelColors[level]),
        messageText(message)
      ].join(" ")
      const annotated = fields.length === 0 ? line : `${line}  ${paint(fields.join(" "), dim)}`
      return cause === undefined ? annotated : `${annotated}\n${indented(cause)}`
    }
  )
}

const messageText = (message: unknown): string =>
  (Array.isArray(message) ? message : [message]).map(valueText).join(" ")

const valueText = (value: unknown): string =>
  typeof value === "string" ? value : Formatter.formatJson(value)

const indented = (text: string): string => text.replace(/^/gm, "  ")

/** https://no-color.org */
const hasColors = (): boolean =>
  process.stdout.isTTY === true && (process.env.NO_COLOR ?? "") === ""

export type Redactor = (text: string) => string

export const redactedText = "<redacted>"

/** Text that must not be shown, or that must not be shown right after some other text. */
export type SecretText = string | { readonly after: string; readonly secret: string }

/** Compiled once; without secrets it is free. */
export const makeRedactor = (secrets: Iterable<SecretText>): Redactor => {
  const patterns = new Map<string, number>()
  for (const entry of secrets) {
    const secret = typeof entry === "string" ? entry : entry.secret
    if (secret === "") continue
    const before = typeof entry === "string" ? "" : `(?<=${escaped(entry.after)})`
    // As it is, and as it stands inside a JSON string.
    for (const form of [secret, JSON.stringify(secret).slice(1, -1)]) {
      patterns.set(before + escaped(form), form.length)
    }
  }
  if (patterns.size === 0) return (text) => text
  // The longest first: of a secret and its beginning, the whole must go.
  const longestFirst = [...patterns].sort(([, left], [, right]) => right - left)
  const pattern = new RegExp(longestFirst.map(([source]) => source).join("|"), "g")
  return (text) => text.replace(pattern, redactedText)
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&")

/**
 * Everything in the config that must not be seen in a log.
 *
 * Whole secrets go wherever they stand. A short or ordinary word, such as the password `postgres` or
 * the path `/v1`, goes only where it is one: in its URL. Else half of each log would be `<redacted>`.
 */
export const knownSecrets = (
  settings: Pick<Settings["Service"], "databaseUrl">,
  config: Pick<SurehookConfig["Service"], "sources" | "chains" | "apiTokens">
): ReadonlyArray<SecretText> => [
  ...[...config.sources.values()].flatMap((source) =>
    source.secrets.map(Redacted.value).flatMap((secret) => [secret, withoutPrefix(secret)])
  ),
  ...config.apiTokens.map(({ token }) => Redacted.value(token)),
  ...[...config.chains.values()].flatMap((chain) =>
    chain.rpc.flatMap(({ headers, url }) => [
      ...urlSecrets(Redacted.value(url)),
      ...[...(headers?.values() ?? [])].flatMap((value) => headerSecrets(Redacted.value(value)))
    ])
  ),
  ...(settings.databaseUrl === undefined
    ? []
    : databaseSecrets(Redacted.value(settings.databaseUrl)))
]

/** A word of a URL this long is no ordinary one. */
const longWord = 12

const urlSecrets = (text: string): ReadonlyArray<SecretText> => {
  if (!URL.canParse(text)) return []
  const url = new URL(text)
  const path = `${url.pathname === "/" ? "" : url.pathname}${url.search}`
  // As it is written, too: a URL loses its default port and some of its escapes when it is parsed.
  const [, host = "", rest = ""] = /^[a-z]+:\/\/(?:[^/?#]*@)?([^/?#]*)(.*)$/i.exec(text) ?? []
  const words = [...url.pathname.split("/"), ...url.searchParams.values()]
  return [
    ...userSecrets(url),
    { after: url.host, secret: path },
    ...(rest === "/" ? [] : [{ after: host, secret: rest }]),
    ...words.filter((word) => word.length >= longWord)
  ]
}

const databaseSecrets = (text: string): ReadonlyArray<SecretText> => {
  if (!URL.canParse(text)) return []
  const url = new URL(text)
  return [...userSecrets(url), ...url.searchParams.getAll("password")]
}

const minPasswordLength = 8

const userSecrets = (url: URL): ReadonlyArray<SecretText> => {
  const forms = [url.password, decoded(url.password)]
  const ordinary = new Set([url.username, url.pathname.slice(1), url.hostname])
  return [
    ...forms.map((secret) => ({ after: `${url.username}:`, secret })),
    ...forms.filter((form) => form.length >= minPasswordLength && !ordinary.has(form))
  ]
}

/** A password may hold a % that begins no escape. */
const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
