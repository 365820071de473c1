/**
 * The names of Move's types, such as `0x1::coin::CoinStore<0x1::aptos_coin::AptosCoin>`, in one form.
 *
 * Nodes write an address within a name short or long, and a space after a comma or none: equal types
 * must be equal texts. Here addresses are long, as in `domain/chain.ts`, and there are no spaces.
 */
import { canonicalAddress } from "../../domain/chain.ts"

const addressPattern = /0x[0-9a-f]{1,64}(?=::)/gi

const longAddress = (text: string): string => canonicalAddress("aptos", text) ?? text

/** Of what a type's name may be made; what comes of it otherwise equals no type. */
const tagPattern = /^(?:0x[0-9a-f]{64}::)[\w:<>]+(?:,[\w:<>]+)*$/

/** Undefined if the text does not name a struct. */
export const canonicalTag = (text: string): string | undefined => {
  const tag = text.replace(addressPattern, longAddress).replaceAll(", ", ",")
  return tagPattern.test(tag) ? tag : undefined
}

const framework = longAddress("0x1")

/** The name of a struct of the framework, such as `coin::DepositEvent`. */
export const frameworkTag = (moduleAndName: string): string => `${framework}::${moduleAndName}`

const coinStorePrefix = frameworkTag("coin::CoinStore<")

/** The coin of a canonical `CoinStore<…>`. */
export const coinOfStore = (tag: string): string | undefined =>
  tag.startsWith(coinStorePrefix) && tag.endsWith(">")
    ? tag.slice(coinStorePrefix.length, -1)
    : undefined
