/** `api:` of surehook.yaml: the tokens, and what each may do and see. */
import { Redacted, Schema } from "effect"
import { TenantId } from "../domain/ids.ts"
import { type ConfigReader, FirstPlaces, type Mapping } from "./config-reader.ts"
import { type KeyPath, shownKey } from "./key-path.ts"
import type { ApiToken } from "./surehook-config.ts"

const minTokenLength = 16
const maxTokenLength = 1_024

const TokenName = Schema.String.pipe(
  Schema.check(
    Schema.isPattern(/^[a-zA-Z0-9][a-zA-Z0-9_.@-]{0,63}$/, {
      message:
        "must have 1 to 64 letters, digits, -, _, . and @, and start with a letter or digit: it says who did it in logs and events"
    })
  )
)

const roles = ["viewer", "auditor", "operator", "admin"] as const
const Role = Schema.Literals(roles).annotate({ message: `must be one of ${roles.join(", ")}` })

const TokenValue = Schema.String.pipe(
  Schema.check(
    Schema.isPattern(new RegExp(`^[\\x21-\\x7e]{${minTokenLength},${maxTokenLength}}$`), {
      message: `must have ${minTokenLength} to ${maxTokenLength} characters, all of them ASCII and no spaces, as it goes into an HTTP header`
    })
  )
)

export class ApiDecoder {
  private readonly reader: ConfigReader
  private readonly tenantIds: ReadonlySet<string>
  private readonly names = new FirstPlaces()
  private readonly tokens = new FirstPlaces()

  constructor(reader: ConfigReader, tenantIds: ReadonlySet<string>) {
    this.reader = reader
    this.tenantIds = tenantIds
  }

  api(path: KeyPath, value: unknown): ReadonlyArray<ApiToken> {
    const api = value === undefined ? undefined : this.reader.mapping(path, value, ["tokens"])
    if (api === undefined) return []
    const apiTokens: Array<ApiToken> = []
    for (const [index, item] of this.reader.itemsAt(path, api, "tokens").entries()) {
      const token = this.apiToken([...path, "tokens", index], item)
      if (token !== undefined) apiTokens.push(token)
    }
    return apiTokens
  }

  private apiToken(path: KeyPath, value: unknown): ApiToken | undefined {
    const part = this.reader.mapping(path, value, ["name", "role", "token", "tenants"])
    if (part === undefined) return undefined
    const name = this.reader.field(TokenName, path, part, "name")
    const role = this.reader.field(Role, path, part, "role")
    const token = this.reader.field(TokenValue, path, part, "token")
    this.mustBeUnique(this.names, name, [...path, "name"])
    this.mustBeUnique(this.tokens, token, [...path, "token"])
    const tenants = Object.hasOwn(part, "tenants") ? this.allowedTenants(path, part) : null
    if (name === undefined || role === undefined || token === undefined) return undefined
    return { name, role, token: Redacted.make(token), tenants }
  }

  private allowedTenants(tokenPath: KeyPath, part: Mapping): ReadonlySet<TenantId> {
    const allowed = new Set<TenantId>()
    const what = "tenant; leave the key out for all tenants"
    for (const [index, item] of this.reader.itemsAt(tokenPath, part, "tenants", what).entries()) {
      const path = [...tokenPath, "tenants", index]
      const tenant = this.reader.value(Schema.String, path, item)
      if (tenant === undefined) continue
      if (this.tenantIds.has(tenant)) allowed.add(TenantId.make(tenant))
      else this.reader.refuse(path, noSuchTenant([...this.tenantIds]))
    }
    return allowed
  }

  private mustBeUnique(places: FirstPlaces, thing: string | undefined, path: KeyPath): void {
    const first = thing === undefined ? undefined : places.claim(thing, path)
    if (first !== undefined) this.reader.refuse(path, `is the same as ${first}`)
  }
}

const noSuchTenant = (tenants: ReadonlyArray<string>): string =>
  tenants.length === 0
    ? "there is no such tenant: the file has none"
    : `there is no such tenant; the file has ${tenants.map(shownKey).join(", ")}`
