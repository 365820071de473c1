/** What surehook.yaml says, decoded and indexed the way the service looks things up. */
import { Context, type FileSystem, Layer, type Path, type Redacted } from "effect"
import type { ChainName } from "../domain/chain.ts"
import type { Environment, SourceId, TenantId } from "../domain/ids.ts"
import type { ChainConfig } from "./chain-config.ts"
import { type ConfigFileError, loadConfig } from "./config-file.ts"
import type { DevelopmentSecrets } from "./development.ts"
import type { Settings } from "./settings.ts"
import type { ProviderRules } from "./source-rules.ts"

export interface Source {
  readonly id: SourceId
  readonly tenant_id: TenantId
  readonly environment: Environment
  /** The provider's name in the registry. */
  readonly provider: string
  /** All are active; several while a key is being rotated. Never empty. In the provider's canonical form. */
  readonly secrets: ReadonlyArray<Redacted.Redacted<string>>
  /** Which chain the provider means by its own name or id of a network. */
  readonly networks?: ReadonlyMap<string, ChainName>
  /** What surehook.yaml says beside, for the provider to decode: it was checked against its schema. */
  readonly options?: Readonly<Record<string, unknown>>
}

export interface ApiToken {
  /** Who this is in logs and events. */
  readonly name: string
  readonly role: "viewer" | "auditor" | "operator" | "admin"
  readonly token: Redacted.Redacted<string>
  /** The tenants whose deposits this token may see, or null for all. */
  readonly tenants: ReadonlySet<TenantId> | null
}

/** What becomes of a deposit to an address that its tenant has not registered. */
export type UnknownAddresses = "reject" | "open"

/** Where a config came from. */
export type ConfigOrigin =
  | { readonly _tag: "File"; readonly path: string }
  | { readonly _tag: "Development"; readonly secrets: DevelopmentSecrets }

export class SurehookConfig extends Context.Service<
  SurehookConfig,
  {
    readonly sources: ReadonlyMap<SourceId, Source>
    readonly chains: ReadonlyMap<ChainName, ChainConfig>
    readonly apiTokens: ReadonlyArray<ApiToken>
    /**
     * What becomes of deposits to addresses that a tenant has not registered, where the file says so.
     * Else they are rejected as soon as the tenant has registered any address, and open before.
     */
    readonly unknownAddresses?: ReadonlyMap<TenantId, UnknownAddresses>
    /** Undefined for a config that a test or the demo put together. */
    readonly origin?: ConfigOrigin
  }
>()("surehook/config/SurehookConfig") {
  /** The file named by SUREHOOK_CONFIG, else ./surehook.yaml, else the development config. */
  static readonly layer: Layer.Layer<
    SurehookConfig,
    ConfigFileError,
    Settings | ProviderRules | FileSystem.FileSystem | Path.Path
  > = Layer.effect(SurehookConfig, loadConfig)
}
