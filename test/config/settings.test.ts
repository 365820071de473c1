import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Redacted, Result } from "effect"
import { decodeSettings, defaultSettings, Settings } from "../../src/config/settings.ts"

const wrongLines = (env: Record<string, string>): ReadonlyArray<string> => {
  const decoded = decodeSettings(env)
  return Result.isFailure(decoded) ? decoded.failure.message.split("\n") : []
}

describe("Settings", () => {
  it.effect("an empty environment gives the documented defaults", () =>
    Effect.gen(function* () {
      const settings = yield* Effect.provide(Settings, Settings.layerFrom({ HOME: "/root" }))
      assert.deepStrictEqual(settings, defaultSettings)
      assert.strictEqual(settings.port, 3000)
      assert.strictEqual(settings.host, "127.0.0.1")
      assert.strictEqual(settings.dataDir, ".surehook")
      assert.strictEqual(settings.worker.count, 5)
      assert.strictEqual(settings.worker.batchSize, 10)
      assert.strictEqual(settings.worker.maxAttempts, 5)
      assert.strictEqual(Duration.toSeconds(settings.worker.pollInterval), 5)
      assert.strictEqual(Duration.toSeconds(settings.worker.lease), 60)
      assert.strictEqual(settings.circuitBreaker.threshold, 5)
      assert.strictEqual(Duration.toSeconds(settings.circuitBreaker.timeout), 60)
      assert.deepStrictEqual(settings.reconciliation, {
        enabled: true,
        interval: Duration.minutes(10),
        threshold: Duration.minutes(15),
        batchSize: 50,
        maxConcurrency: 10
      })
    })
  )

  it.effect("every variable is read", () =>
    Effect.gen(function* () {
      const settings = yield* Effect.provide(
        Settings,
        Settings.layerFrom({
          PORT: "0",
          HOST: "::1",
          DATABASE_URL: "postgresql://me:pass@db:5433/surehook",
          SUREHOOK_DATA_DIR: "/var/lib/sure hook",
          SUREHOOK_CONFIG: "conf/s.yaml",
          LOG_LEVEL: "WARN",
          SUREHOOK_REGION: "eu-west-1",
          FUNDING_WORKER_ENABLED: "False",
          FUNDING_WORKER_COUNT: "20",
          FUNDING_WORKER_POLL_INTERVAL: "500ms",
          FUNDING_WORKER_BATCH_SIZE: "200",
          FUNDING_WORKER_MAX_ATTEMPTS: "1",
          FUNDING_WORKER_LEASE: "10m",
          FUNDING_CIRCUIT_BREAKER_THRESHOLD: "3",
          FUNDING_CIRCUIT_BREAKER_TIMEOUT: "1h",
          FUNDING_RECONCILIATION_ENABLED: "false",
          FUNDING_RECONCILIATION_INTERVAL: "1m",
          FUNDING_RECONCILIATION_THRESHOLD: "24h",
          FUNDING_RECONCILIATION_BATCH_SIZE: "7",
          FUNDING_RECONCILIATION_MAX_CONCURRENCY: "3"
        })
      )
      assert.strictEqual(
        settings.databaseUrl && Redacted.value(settings.databaseUrl),
        "postgresql://me:pass@db:5433/surehook"
      )
      assert.deepStrictEqual(
        { ...settings, databaseUrl: undefined },
        {
          port: 0,
          host: "::1",
          databaseUrl: undefined,
          dataDir: "/var/lib/sure hook",
          configPath: "conf/s.yaml",
          logLevel: "Warn",
          region: "eu-west-1",
          worker: {
            enabled: false,
            count: 20,
            pollInterval: Duration.millis(500),
            batchSize: 200,
            maxAttempts: 1,
            lease: Duration.minutes(10)
          },
          circuitBreaker: { threshold: 3, timeout: Duration.hours(1) },
          reconciliation: {
            enabled: false,
            interval: Duration.minutes(1),
            threshold: Duration.hours(24),
            batchSize: 7,
            maxConcurrency: 3
          }
        }
      )
    })
  )

  const duration = "such as 500ms, 5s, 10m or 1h"
  const cases: ReadonlyArray<readonly [Record<string, string>, string]> = [
    [
      { FUNDING_WORKER_COUNT: "abc" },
      "FUNDING_WORKER_COUNT=abc: expected a whole number from 1 to 1000"
    ],
    [
      { FUNDING_WORKER_COUNT: "0" },
      "FUNDING_WORKER_COUNT=0: expected a whole number from 1 to 1000"
    ],
    [
      { FUNDING_WORKER_COUNT: "-3" },
      "FUNDING_WORKER_COUNT=-3: expected a whole number from 1 to 1000"
    ],
    [
      { FUNDING_WORKER_COUNT: "1e2" },
      "FUNDING_WORKER_COUNT=1e2: expected a whole number from 1 to 1000"
    ],
    [
      { FUNDING_WORKER_BATCH_SIZE: "2.5" },
      "FUNDING_WORKER_BATCH_SIZE=2.5: expected a whole number from 1 to 1000"
    ],
    [
      { FUNDING_WORKER_MAX_ATTEMPTS: "9999999999999999999999" },
      "FUNDING_WORKER_MAX_ATTEMPTS=9999999999999999999999: expected a whole number from 1 to 100"
    ],
    [{ PORT: "65536" }, "PORT=65536: expected a whole number from 0 to 65535"],
    [{ PORT: " 80" }, "PORT= 80: expected a whole number from 0 to 65535"],
    [{ PORT: "" }, "PORT: is set but empty: unset it, or set it to a whole number from 0 to 65535"],
    [
      { HOST: "http://localhost" },
      "HOST=http://localhost: expected a host name or an IP address to listen on, such as 127.0.0.1 or 0.0.0.0"
    ],
    [{ FUNDING_WORKER_ENABLED: "yes" }, "FUNDING_WORKER_ENABLED=yes: expected true or false"],
    [
      { FUNDING_WORKER_POLL_INTERVAL: "5" },
      `FUNDING_WORKER_POLL_INTERVAL=5: expected a duration from 10ms to 1h, ${duration}`
    ],
    [
      { FUNDING_WORKER_POLL_INTERVAL: "0s" },
      `FUNDING_WORKER_POLL_INTERVAL=0s: expected a duration from 10ms to 1h, ${duration}`
    ],
    [
      { FUNDING_WORKER_LEASE: "2h" },
      `FUNDING_WORKER_LEASE=2h: expected a duration from 1s to 1h, ${duration}`
    ],
    [
      { FUNDING_CIRCUIT_BREAKER_TIMEOUT: "5 s\nx" },
      `FUNDING_CIRCUIT_BREAKER_TIMEOUT="5 s\\nx": expected a duration from 10ms to 1h, ${duration}`
    ],
    [
      { FUNDING_RECONCILIATION_THRESHOLD: "25h" },
      `FUNDING_RECONCILIATION_THRESHOLD=25h: expected a duration from 100ms to 24h, ${duration}`
    ],
    [
      { LOG_LEVEL: "verbose" },
      "LOG_LEVEL=verbose: expected all, fatal, error, warn, info, debug, trace, none"
    ],
    [
      { DATABASE_URL: "mysql://root:hunter2@db/x" },
      "DATABASE_URL: expected postgres://user:password@host:port/database, with special characters of the password percent-encoded (its value is not shown, because it may hold a password)"
    ],
    [
      { SUREHOOK_REGION: " eu" },
      "SUREHOOK_REGION= eu: expected the name of a region as it stands in surehook.yaml, such as eu-west-1"
    ],
    [{ SUREHOOK_CONFIG: "" }, "SUREHOOK_CONFIG: is set but empty: unset it, or set it to a path"],
    [
      { FUNDING_WORKERS_COUNT: "5" },
      "FUNDING_WORKERS_COUNT: unknown variable; did you mean FUNDING_WORKER_COUNT?"
    ],
    [
      { FUNDING_WORKER_LEASE_SECONDS: "60" },
      "FUNDING_WORKER_LEASE_SECONDS: unknown variable; did you mean FUNDING_WORKER_LEASE?"
    ],
    [
      { FUNDING_: "1" },
      "FUNDING_: unknown variable; known are FUNDING_WORKER_ENABLED, FUNDING_WORKER_COUNT, FUNDING_WORKER_POLL_INTERVAL, FUNDING_WORKER_BATCH_SIZE, FUNDING_WORKER_MAX_ATTEMPTS, FUNDING_WORKER_LEASE, FUNDING_CIRCUIT_BREAKER_THRESHOLD, FUNDING_CIRCUIT_BREAKER_TIMEOUT, FUNDING_RECONCILIATION_ENABLED, FUNDING_RECONCILIATION_INTERVAL, FUNDING_RECONCILIATION_THRESHOLD, FUNDING_RECONCILIATION_BATCH_SIZE, FUNDING_RECONCILIATION_MAX_CONCURRENCY"
    ]
  ]
  it.each(cases)("%j stops the start with the line that says why", (env, line) => {
    assert.deepStrictEqual(wrongLines(env), [line])
  })

  it("all wrong variables are reported at once, one line each", () => {
    assert.deepStrictEqual(
      wrongLines({
        FUNDING_WORKER_COUNT: "many",
        PORT: "web",
        FUNDING_X: "1",
        FUNDING_CIRCUIT_BREAKER_TRESHOLD: "1"
      }),
      [
        "PORT=web: expected a whole number from 0 to 65535",
        "FUNDING_WORKER_COUNT=many: expected a whole number from 1 to 1000",
        "FUNDING_CIRCUIT_BREAKER_TRESHOLD: unknown variable; did you mean FUNDING_CIRCUIT_BREAKER_THRESHOLD?",
        "FUNDING_X: unknown variable; known are FUNDING_WORKER_ENABLED, FUNDING_WORKER_COUNT, FUNDING_WORKER_POLL_INTERVAL, FUNDING_WORKER_BATCH_SIZE, FUNDING_WORKER_MAX_ATTEMPTS, FUNDING_WORKER_LEASE, FUNDING_CIRCUIT_BREAKER_THRESHOLD, FUNDING_CIRCUIT_BREAKER_TIMEOUT, FUNDING_RECONCILIATION_ENABLED, FUNDING_RECONCILIATION_INTERVAL, FUNDING_RECONCILIATION_THRESHOLD, FUNDING_RECONCILIATION_BATCH_SIZE, FUNDING_RECONCILIATION_MAX_CONCURRENCY"
      ]
    )
  })

  it("a long value is cut", () => {
    const [line] = wrongLines({ PORT: "9".repeat(500) })
    assert.strictEqual(line, `PORT=${"9".repeat(60)}…: expected a whole number from 0 to 65535`)
  })
})
