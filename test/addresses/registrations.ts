/** Registrations for tests, and the service over a database of its own. */
import { assert } from "@effect/vitest"
import { Layer, Result } from "effect"
import { Addresses } from "../../src/addresses/addresses.ts"
import {
  checkRegistration,
  type Registrable,
  type Registration,
  type RegistrationText
} from "../../src/addresses/registration.ts"
import { ChainKind, ChainName } from "../../src/domain/chain.ts"
import { TenantId } from "../../src/domain/ids.ts"
import { TestDatabase } from "../support/postgres.ts"

export const acme = TenantId.make("acme")
export const globex = TenantId.make("globex")

/** A chain of each family, under the family's name. */
export const registrable: Registrable = {
  tenants: new Map([acme, globex].map((tenant) => [tenant, tenant])),
  chains: new Map(
    ChainKind.literals.map((kind) => [kind, { name: ChainName.make(kind), kind }] as const)
  )
}

/** The n-th address of an EVM chain. */
export const evmAddress = (n: number): string => `0x${n.toString(16).padStart(40, "0")}`

export const registration = (fields: Partial<RegistrationText> = {}): Registration => {
  const checked = checkRegistration(registrable, {
    tenant_id: acme,
    chain: "evm",
    address: evmAddress(1),
    account_reference: "customer-1",
    ...fields
  })
  return Result.isSuccess(checked) ? checked.success : assert.fail(JSON.stringify(checked.failure))
}

export const addressesLayer = Addresses.layer.pipe(Layer.provideMerge(TestDatabase.layer))
