/** What the environment says, decoded: the switches that an operator turns without touching surehook.yaml. */
import { Context, type Duration, type Redacted } from "effect"

export class Settings extends Context.Service<
  Settings,
  {
    readonly port: number
    readonly host: string
    readonly databaseUrl: Redacted.Redacted<string> | undefined
    readonly dataDir: string
    readonly configPath: string | undefined
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
  }
>()("surehook/config/Settings") {}
