/**
 * The accounts of the ledger, and the identity of each.
 *
 * An account's id is made from what it is, so that writing entries needs no look-up, and two
 * writers that open one account at the same moment mean the same one.
 */
import { hash } from "node:crypto"
import type { Address, ChainName } from "../domain/chain.ts"
import type { Environment, TenantId } from "../domain/ids.ts"

export interface LedgerAccount {
  readonly tenant_id: TenantId
  readonly environment: Environment
  readonly chain: ChainName
  /** `deposits`: what the address's owner is owed. `chain`: the counterpart, what came in on chain. */
  readonly kind: "deposits" | "chain"
  /** Empty for the counterpart, of which a chain has one. */
  readonly address: Address | ""
}

/** A version 8 UUID (RFC 9562, 5.8): the first bits of a SHA-256 over the account's parts. */
export const accountId = (account: LedgerAccount): string => {
  const parts = [
    account.tenant_id,
    account.environment,
    account.chain,
    account.kind,
    account.address
  ]
  const hex = hash("sha256", parts.join("|"))
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 0x3) | 0x8).toString(16)
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32)
  ].join("-")
}
