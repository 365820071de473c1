/**
 * What may be registered: an address of a chain that is in surehook.yaml, for a tenant that is there,
 * under the name by which the customer's account goes. The one rule for the API and the command line.
 */
import { Result, Schema } from "effect"
import {
  type Address,
  addressRule,
  type ChainKind,
  type ChainName,
  canonicalAddress
} from "../domain/chain.ts"
import type { TenantId } from "../domain/ids.ts"

const maxReferenceLength = 255

const referenceRule = `must be 1 to ${maxReferenceLength} characters, without line breaks, invisible characters or spaces at its ends`

/** What a wrong encoding leaves where it met a letter that it does not know. */
const replacementCharacter = "\ufffd"

/**
 * How the customer's account is called by whoever registered the address. It is shown to people and
 * compared as text, so it holds nothing that cannot be seen.
 */
export const AccountReference = Schema.String.pipe(
  Schema.check(
    Schema.isPattern(/^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+$/u, { message: referenceRule }),
    Schema.makeFilter((text: string) =>
      text.length <= maxReferenceLength && text.trim() === text ? true : referenceRule
    ),
    Schema.makeFilter((text: string) =>
      text.includes(replacementCharacter)
        ? "holds a character that was lost on the way: it must be UTF-8"
        : true
    )
  ),
  Schema.brand("AccountReference")
)
export type AccountReference = typeof AccountReference.Type

export interface Registration {
  readonly tenant_id: TenantId
  readonly chain: ChainName
  /** Canonical. */
  readonly address: Address
  readonly account_reference: AccountReference
}

/** A registration as somebody wrote it. */
export type RegistrationText = Readonly<Record<keyof Registration, string>>

export interface RegistrationFault {
  readonly field: keyof Registration
  /** What it must be: follows the field's name. */
  readonly message: string
}

/** What surehook.yaml has, by name. */
export interface Registrable {
  readonly tenants: ReadonlyMap<string, TenantId>
  readonly chains: ReadonlyMap<string, { readonly name: ChainName; readonly kind: ChainKind }>
}

export const registrableOf = (config: {
  readonly sources: ReadonlyMap<string, { readonly tenant_id: TenantId }>
  readonly chains: Registrable["chains"]
}): Registrable => ({
  tenants: new Map([...config.sources.values()].map(({ tenant_id }) => [tenant_id, tenant_id])),
  chains: config.chains
})

const decodeReference = Schema.decodeUnknownResult(AccountReference)

/** The registration in its canonical form, or all that is wrong with it. */
export const checkRegistration = (
  { tenants, chains }: Registrable,
  text: RegistrationText
): Result.Result<Registration, ReadonlyArray<RegistrationFault>> => {
  const faults: Array<RegistrationFault> = []
  const orFault = <A>(
    value: A | undefined,
    field: RegistrationFault["field"],
    message: () => string
  ): A | undefined => {
    if (value === undefined) faults.push({ field, message: message() })
    return value
  }
  const tenant = tenants.get(text.tenant_id)
  const tenant_id = orFault(tenant, "tenant_id", () => unknownTenant(tenants))
  const chain = orFault(chains.get(text.chain), "chain", () => unknownChain(chains))
  // Without its chain nothing can be said of an address.
  const address =
    chain &&
    orFault(canonicalAddress(chain.kind, text.address), "address", () => addressRule(chain.kind))
  const reference = decodeReference(text.account_reference)
  const account_reference = orFault(Result.getOrUndefined(reference), "account_reference", () =>
    Result.isFailure(reference) ? reference.failure.message : ""
  )
  return tenant_id !== undefined &&
    chain !== undefined &&
    address !== undefined &&
    account_reference !== undefined
    ? Result.succeed({ tenant_id, chain: chain.name, address, account_reference })
    : Result.fail(faults)
}

export const unknownTenant = (tenants: Registrable["tenants"]): string =>
  `is not a tenant with sources in surehook.yaml, which has ${namesOf(tenants)}`

export const unknownChain = (chains: Registrable["chains"]): string =>
  `is not a chain of surehook.yaml, which has ${namesOf(chains)}`

const namesOf = (known: ReadonlyMap<string, unknown>): string =>
  [...known.keys()].join(", ") || "none"
