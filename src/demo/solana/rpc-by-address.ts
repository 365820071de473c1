/**
 * The RPC methods of the local Solana that look for what an address has: transactions, token accounts.
 *
 * https://solana.com/docs/rpc/http/getsignaturesforaddress and …/gettokenaccountsbyowner.
 */
import { Buffer } from "node:buffer"
import { base58 } from "@scure/base"
import { wrappedSol } from "./instructions.ts"
import type { Commitment, Ledger, TokenAccount } from "./ledger.ts"
import {
  belowConfirmed,
  type Config,
  fault,
  invalid,
  type Method,
  type MethodAnswer,
  Params,
  taking
} from "./rpc-params.ts"

const maxSignatures = 1000

export const methodsByAddress = (ledger: Ledger): Record<string, Method> => {
  const commitment = (config: Config | undefined): Commitment => config?.commitment ?? "finalized"
  const notReached = (config: Config | undefined): MethodAnswer | undefined =>
    (config?.minContextSlot ?? 0) > ledger.slotAt(commitment(config))
      ? fault(-32016, "Minimum context slot has not been reached")
      : undefined

  /** No two transactions share a slot here, so their order is that of their slots. */
  const signatures = (account: string, config: Config | undefined): MethodAnswer => {
    const limit = config?.limit ?? maxSignatures
    if (limit < 1 || limit > maxSignatures) return invalid(`Invalid limit; max ${maxSignatures}`)
    const newest = ledger.slotAt(commitment(config))
    const slotOf = (signature: string | null | undefined) =>
      signature == null ? undefined : ledger.transaction(signature)?.slot
    const { before, until } = config ?? {}
    // Before what the node does not know there is nothing; until what it does not know, everything.
    const end = before == null ? newest + 1 : (slotOf(before) ?? 0)
    const start = slotOf(until) ?? 0
    return {
      result: ledger
        .transactionsOf(account)
        .filter(({ slot }) => slot <= newest && slot < end && slot > start)
        .slice(0, limit)
        .map(({ signature, err, slot, blockTime }) => ({
          signature,
          err,
          memo: null,
          slot,
          blockTime,
          confirmationStatus: ledger.commitmentOf(slot)
        }))
    }
  }

  const tokenAccounts = (owner: string, mint: string, config: Config | undefined): MethodAnswer => {
    if (config?.encoding !== "base64") {
      return invalid("the local chain knows no encoding of accounts but base64")
    }
    const accounts = [...ledger.tokenAccountsAt(commitment(config)).values()]
    if (mint !== wrappedSol.address && !accounts.some((account) => account.mint === mint)) {
      return fault(-32602, "Invalid param: could not find mint")
    }
    return {
      result: {
        context: { slot: ledger.slotAt(commitment(config)) },
        value: accounts
          .filter((account) => account.owner === owner && account.mint === mint)
          .map((account) => accountJson(account, config.dataSlice))
      }
    }
  }

  return {
    getSignaturesForAddress: taking(Params.text, ([account, config]) =>
      commitment(config) === "processed"
        ? belowConfirmed()
        : (notReached(config) ?? signatures(account, config))
    ),
    getTokenAccountsByOwner: taking(
      Params.textAndMint,
      ([owner, { mint }, config]) => notReached(config) ?? tokenAccounts(owner, mint, config)
    )
  }
}

/** Of a token account without extensions. */
const tokenAccountBytes = 165
const amountAt = 64
const stateAt = 108
const initialized = 1

const accountJson = (account: TokenAccount, slice: Config["dataSlice"]) => {
  const data = Buffer.alloc(tokenAccountBytes)
  data.set([...base58.decode(account.mint), ...base58.decode(account.owner)])
  data.writeBigUInt64LE(account.units, amountAt)
  data.writeUInt8(initialized, stateAt)
  const { offset, length } = slice ?? { offset: 0, length: tokenAccountBytes }
  return {
    pubkey: account.address,
    account: {
      data: [data.subarray(offset, offset + length).toString("base64"), "base64"],
      executable: false,
      lamports: account.lamports,
      owner: account.programId,
      rentEpoch: 2n ** 64n - 1n,
      space: tokenAccountBytes
    }
  }
}
