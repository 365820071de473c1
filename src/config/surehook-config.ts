/** What surehook.yaml says, decoded and indexed the way the service looks things up. */
import { Context, type Redacted } from "effect"
import type { ChainName } from "../domain/chain.ts"
import type { Environment, SourceId, TenantId } from "../domain/ids.ts"
import type { ChainConfig } from "./chain-config.ts"

export interface Source {
  readonly id: SourceId
  readonly tenant_id: TenantId
  readonly environment: Environment
  readonly provider: "standard"
  /** All are active; several while a key is being rotated. Never empty. */
  readonly secrets: ReadonlyArray<Redacted.Redacted<string>>
}

export interface ApiToken {
  /** Who this is in logs and events. */
  readonly name: string
  readonly role: "viewer" | "auditor" | "operator" | "admin"
  readonly token: Redacted.Redacted<string>
  /** The tenants whose deposits this token may see, or null for all. */
  readonly tenants: ReadonlySet<TenantId> | null
}

export class SurehookConfig extends Context.Service<
  SurehookConfig,
  {
    readonly sources: ReadonlyMap<SourceId, Source>
    readonly chains: ReadonlyMap<ChainName, ChainConfig>
    readonly apiTokens: ReadonlyArray<ApiToken>
  }
>()("surehook/config/SurehookConfig") {}
