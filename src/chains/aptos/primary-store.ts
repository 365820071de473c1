/**
 * Where an account's balance of a fungible asset stands: its primary store.
 *
 * Its address is a hash of owner and asset (https://aptos.dev/build/smart-contracts/fungible-asset),
 * so nobody else can make it, and it cannot change hands. A secondary store can: who made it may keep
 * a reference by which to empty it, or to take it back, after it was given to a deposit address.
 */
import { Buffer } from "node:buffer"
import { createHash } from "node:crypto"
import { type Address, canonicalAddress } from "../../domain/chain.ts"

/** The domain separator of an object's address that is derived from another object's. */
const derivedObject = 0xfc

export const primaryStoreOf = (owner: Address, metadata: Address): Address | undefined =>
  canonicalAddress(
    "aptos",
    `0x${createHash("sha3-256")
      .update(Buffer.from(owner.slice(2), "hex"))
      .update(Buffer.from(metadata.slice(2), "hex"))
      .update(Buffer.of(derivedObject))
      .digest("hex")}`
  )
