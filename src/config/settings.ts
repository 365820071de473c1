/** What the environment says, decoded: the switches that an operator turns without touching surehook.yaml. */
import { Context, Duration, Effect, Layer, LogLevel, Redacted, Result, Schema } from "effect"
import { suggestion } from "./nearest-name.ts"
import { type EnvRecord, ProcessEnv } from "./process-env.ts"

export class Settings extends Context.Service<
  Settings,
  {
    readonly port: number
    readonly host: string
    readonly databaseUrl: Redacted.Redacted<string> | undefined
    readonly dataDir: string
    readonly configPath: string | undefined
    readonly logLevel: LogLevel.LogLevel
    /** Where this process runs: of equal RPC endpoints, those of its own region are asked first. */
    readonly region: string | undefined
    readonly worker: {
      readonly enabled: boolean
      readonly count: number
      readonly pollInterval: Duration.Duration
      readonly batchSize: number
      readonly maxAttempts: number
      readonly lease: Duration.Duration
    }
    readonly circuitBreaker: {
      readonly threshold: number
      readonly timeout: Duration.Duration
    }
    readonly reconciliation: {
      readonly enabled: boolean
      readonly interval: Duration.Duration
      /** How old a deposit that is not settled must be to be looked at. */
      readonly threshold: Duration.Duration
      readonly batchSize: number
      readonly maxConcurrency: number
    }
  }
>()("surehook/config/Settings") {
  static readonly layer: Layer.Layer<Settings, SettingsError> = Layer.effect(
    Settings,
    Effect.gen(function* () {
      return yield* Effect.fromResult(decodeSettings(yield* ProcessEnv))
    })
  )

  /** The settings that this environment gives, whatever the process's own is. */
  static readonly layerFrom = (env: EnvRecord): Layer.Layer<Settings, SettingsError> =>
    Settings.layer.pipe(Layer.provide(Layer.succeed(ProcessEnv, env)))
}

/** One line for each wrong variable. */
export class SettingsError extends Schema.TaggedError<SettingsError>()("SettingsError", {
  message: Schema.String
}) {}

export const defaultSettings: Settings["Service"] = {
  port: 3000,
  host: "127.0.0.1",
  databaseUrl: undefined,
  dataDir: ".surehook",
  configPath: undefined,
  logLevel: "Info",
  region: undefined,
  worker: {
    enabled: true,
    count: 5,
    pollInterval: Duration.seconds(5),
    batchSize: 10,
    maxAttempts: 5,
    lease: Duration.seconds(60)
  },
  circuitBreaker: { threshold: 5, timeout: Duration.seconds(60) },
  reconciliation: {
    enabled: true,
    interval: Duration.minutes(10),
    threshold: Duration.minutes(15),
    batchSize: 50,
    maxConcurrency: 10
  }
}

const maxPort = 65_535
const maxWorkers = 1_000
const maxBatchSize = 1_000
const maxAttempts = 100
const maxConcurrency = 1_000
const maxFailuresToTrip = 1_000
const shortestPoll = Duration.millis(10)
// Below a second, a pause of the garbage collector or of the database could cost a live worker its lease.
const shortestLease = Duration.seconds(1)
const shortestCircuitTimeout = Duration.millis(10)
const shortestInterval = Duration.millis(100)
const longestThreshold = Duration.hours(24)
// Longer than this, a lost worker or a tripped circuit would hold deposits up for most of a shift.
const longestWait = Duration.hours(1)

/** Every name with this prefix is ours, so one that we don't know is a mistake. */
const ownPrefix = "FUNDING_"
const longestShownValue = 60

export const decodeSettings = (
  env: EnvRecord
): Result.Result<Settings["Service"], SettingsError> => {
  const variables = new Variables(env)
  const { worker, circuitBreaker, reconciliation } = defaultSettings
  const settings = Settings.of({
    port: variables.read("PORT", defaultSettings.port, wholeNumber(0, maxPort)),
    host: variables.read("HOST", defaultSettings.host, hostName),
    databaseUrl: variables.read("DATABASE_URL", defaultSettings.databaseUrl, databaseUrl),
    dataDir: variables.read("SUREHOOK_DATA_DIR", defaultSettings.dataDir, path),
    configPath: variables.read("SUREHOOK_CONFIG", defaultSettings.configPath, path),
    logLevel: variables.read("LOG_LEVEL", defaultSettings.logLevel, logLevel),
    region: variables.read("SUREHOOK_REGION", defaultSettings.region, regionName),
    worker: {
      enabled: variables.read("FUNDING_WORKER_ENABLED", worker.enabled, trueOrFalse),
      count: variables.read("FUNDING_WORKER_COUNT", worker.count, wholeNumber(1, maxWorkers)),
      pollInterval: variables.read(
        "FUNDING_WORKER_POLL_INTERVAL",
        worker.pollInterval,
        duration(shortestPoll, longestWait)
      ),
      batchSize: variables.read(
        "FUNDING_WORKER_BATCH_SIZE",
        worker.batchSize,
        wholeNumber(1, maxBatchSize)
      ),
      maxAttempts: variables.read(
        "FUNDING_WORKER_MAX_ATTEMPTS",
        worker.maxAttempts,
        wholeNumber(1, maxAttempts)
      ),
      lease: variables.read(
        "FUNDING_WORKER_LEASE",
        worker.lease,
        duration(shortestLease, longestWait)
      )
    },
    circuitBreaker: {
      threshold: variables.read(
        "FUNDING_CIRCUIT_BREAKER_THRESHOLD",
        circuitBreaker.threshold,
        wholeNumber(1, maxFailuresToTrip)
      ),
      timeout: variables.read(
        "FUNDING_CIRCUIT_BREAKER_TIMEOUT",
        circuitBreaker.timeout,
        duration(shortestCircuitTimeout, longestWait)
      )
    },
    reconciliation: {
      enabled: variables.read(
        "FUNDING_RECONCILIATION_ENABLED",
        reconciliation.enabled,
        trueOrFalse
      ),
      interval: variables.read(
        "FUNDING_RECONCILIATION_INTERVAL",
        reconciliation.interval,
        duration(shortestInterval, longestWait)
      ),
      threshold: variables.read(
        "FUNDING_RECONCILIATION_THRESHOLD",
        reconciliation.threshold,
        duration(shortestInterval, longestThreshold)
      ),
      batchSize: variables.read(
        "FUNDING_RECONCILIATION_BATCH_SIZE",
        reconciliation.batchSize,
        wholeNumber(1, maxBatchSize)
      ),
      maxConcurrency: variables.read(
        "FUNDING_RECONCILIATION_MAX_CONCURRENCY",
        reconciliation.maxConcurrency,
        wholeNumber(1, maxConcurrency)
      )
    }
  })
  const problems = variables.problems()
  return problems.length === 0
    ? Result.succeed(settings)
    : Result.fail(new SettingsError({ message: problems.join("\n") }))
}

interface Kind<A> {
  /** What is allowed, as it follows "expected". */
  readonly expected: string
  /** Undefined if the text is not allowed. */
  readonly parse: (text: string) => A | undefined
  readonly secret?: boolean
}

const wholeNumber = (minimum: number, maximum: number): Kind<number> => ({
  expected: `a whole number from ${minimum} to ${maximum}`,
  parse: (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : undefined
    return value !== undefined && value >= minimum && value <= maximum ? value : undefined
  }
})

const units: Readonly<Record<string, (count: number) => Duration.Duration>> = {
  ms: Duration.millis,
  s: Duration.seconds,
  m: Duration.minutes,
  h: Duration.hours
}

/** As it is written in the environment: 500ms, 5s, 10m, 1h. */
const durationText = (value: Duration.Duration): string => {
  const millis = Duration.toMillis(value)
  if (millis % 3_600_000 === 0) return `${millis / 3_600_000}h`
  if (millis % 60_000 === 0) return `${millis / 60_000}m`
  return millis % 1_000 === 0 ? `${millis / 1_000}s` : `${millis}ms`
}

const duration = (
  minimum: Duration.Duration,
  maximum: Duration.Duration
): Kind<Duration.Duration> => ({
  expected: `a duration from ${durationText(minimum)} to ${durationText(maximum)}, such as 500ms, 5s, 10m or 1h`,
  parse: (text) => {
    const [, count, unit] = /^(\d{1,9})(ms|s|m|h)$/.exec(text) ?? []
    if (count === undefined || unit === undefined) return undefined
    const value = units[unit]?.(Number(count))
    return value !== undefined && Duration.between(value, { minimum, maximum }) ? value : undefined
  }
})

const trueOrFalse: Kind<boolean> = {
  expected: "true or false",
  parse: (text) => {
    const word = text.toLowerCase()
    return word === "true" ? true : word === "false" ? false : undefined
  }
}

const hostName: Kind<string> = {
  expected: "a host name or an IP address to listen on, such as 127.0.0.1 or 0.0.0.0",
  parse: (text) => (/^[A-Za-z0-9.:_-]+$/.test(text) ? text : undefined)
}

const path: Kind<string> = {
  expected: "a path",
  parse: (text) => (text.trim() === "" || text.includes("\0") ? undefined : text)
}

const regionName: Kind<string> = {
  expected: "the name of a region as it stands in surehook.yaml, such as eu-west-1",
  parse: (text) => (/^\S(.{0,62}\S)?$/.test(text) ? text : undefined)
}

const logLevel: Kind<LogLevel.LogLevel> = {
  expected: LogLevel.values.map((level) => level.toLowerCase()).join(", "),
  parse: (text) => LogLevel.values.find((level) => level.toLowerCase() === text.toLowerCase())
}

const databaseUrl: Kind<Redacted.Redacted<string>> = {
  expected:
    "postgres://user:password@host:port/database, with special characters of the password percent-encoded (its value is not shown, because it may hold a password)",
  parse: (text) => {
    const protocol = URL.canParse(text) ? new URL(text).protocol : ""
    return protocol === "postgres:" || protocol === "postgresql:" ? Redacted.make(text) : undefined
  },
  secret: true
}

/** Reads variables and remembers which names are known and what was wrong with each. */
class Variables {
  private readonly known: Array<string> = []
  private readonly wrong: Array<string> = []
  private readonly env: EnvRecord

  constructor(env: EnvRecord) {
    this.env = env
  }

  read<A, D>(name: string, fallback: D, kind: Kind<A>): A | D {
    this.known.push(name)
    const text = this.env[name]
    if (text === undefined) return fallback
    const value = text === "" ? undefined : kind.parse(text)
    if (value === undefined) {
      const shown = kind.secret === true || text === "" ? name : `${name}=${shownValue(text)}`
      const what = text === "" ? "is set but empty: unset it, or set it to" : "expected"
      this.wrong.push(`${shown}: ${what} ${kind.expected}`)
      return fallback
    }
    return value
  }

  problems(): ReadonlyArray<string> {
    const own = this.known.filter((name) => name.startsWith(ownPrefix))
    const unknown = Object.keys(this.env)
      .filter((name) => name.startsWith(ownPrefix) && !own.includes(name))
      .sort()
      .map((name) => `${name}: unknown variable; ${suggestion(name, own)}`)
    return [...this.wrong, ...unknown]
  }
}

/** The value on one line, however it looks. */
const shownValue = (text: string): string => {
  const cut = text.length > longestShownValue ? `${text.slice(0, longestShownValue)}…` : text
  return /^[\x20-\x7e…]*$/.test(cut) ? cut : JSON.stringify(cut)
}
