/**
 * The RPC methods of the local Solana. A fake of the RPC only: the transactions that it tells of were
 * executed by the real SVM.
 *
 * Shapes: https://solana.com/docs/rpc/http (one page a method). Errors:
 * https://docs.rs/solana-rpc-client-api/latest/src/solana_rpc_client_api/custom_error.rs.html.
 */
import type { Block, Commitment, LandedTransaction, Ledger, TokenHolding } from "./ledger.ts"
import { methodsByAddress } from "./rpc-by-address.ts"
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

export const makeMethods = (
  ledger: Ledger
): ((method: string, params: unknown) => MethodAnswer) => {
  const commitment = (config: Config | undefined): Commitment => config?.commitment ?? "finalized"
  const isReached = (slot: number, config: Config | undefined) =>
    slot <= ledger.slotAt(commitment(config))

  /** History is read at `confirmed` or `finalized`, as JSON, by who knows versioned transactions. */
  const historyProblem = (config: Config | undefined): MethodAnswer | undefined => {
    if (commitment(config) === "processed") return belowConfirmed()
    if ((config?.encoding ?? "json") !== "json") {
      return invalid("the local chain knows no encoding but json")
    }
    return config?.maxSupportedTransactionVersion === undefined
      ? fault(-32015, "Transaction version (0) is not supported by the requesting client")
      : undefined
  }

  const handlers: Record<string, Method> = {
    ...methodsByAddress(ledger),
    getGenesisHash: () => ({ result: ledger.genesisHash }),
    getHealth: () => ({ result: "ok" }),
    getSlot: taking(Params.none, ([config]) => ({ result: ledger.slotAt(commitment(config)) })),
    getFirstAvailableBlock: () => ({ result: ledger.firstSlot }),
    // No slot is skipped here.
    getBlockHeight: taking(Params.none, ([config]) => ({
      result: ledger.slotAt(commitment(config)) - ledger.firstSlot
    })),
    getTransaction: taking(Params.text, ([signature, config]) => {
      const found = ledger.transaction(signature)
      const isVisible = found !== undefined && isReached(found.slot, config)
      return (
        historyProblem(config) ?? {
          result: isVisible ? { ...transactionJson(found), ...placeOf(found) } : null
        }
      )
    }),
    getSignatureStatuses: taking(Params.texts, ([signatures]) => ({
      result: {
        context: { slot: ledger.slotAt("processed") },
        value: signatures.map((signature) => statusOf(ledger, signature))
      }
    })),
    getBlock: taking(Params.slot, ([slot, config]) => {
      const problem = historyProblem(config)
      if (problem !== undefined) return problem
      if (slot < ledger.firstSlot) {
        return fault(
          -32001,
          `Block ${slot} cleaned up, does not exist on node. First available block: ${ledger.firstSlot}`
        )
      }
      const block = ledger.block(slot)
      return block === undefined || !isReached(slot, config)
        ? fault(-32004, `Block not available for slot ${slot}`)
        : { result: blockJson(block, slot - ledger.firstSlot, config?.transactionDetails) }
    })
  }
  return (method, params) => handlers[method]?.(params) ?? fault(-32601, "Method not found")
}

const placeOf = ({ slot, blockTime }: LandedTransaction) => ({ slot, blockTime })

const statusOf = (ledger: Ledger, signature: string) => {
  const found = ledger.transaction(signature)
  if (found === undefined) return null
  const confirmationStatus = ledger.commitmentOf(found.slot)
  return {
    slot: found.slot,
    confirmations:
      confirmationStatus === "finalized" ? null : ledger.slotAt("processed") - found.slot,
    err: found.err,
    status: found.err === null ? { Ok: null } : { Err: found.err },
    confirmationStatus
  }
}

const blockJson = (block: Block, blockHeight: number, details = "full") => ({
  blockhash: block.blockhash,
  previousBlockhash: block.previousBlockhash,
  parentSlot: block.slot - 1,
  blockTime: block.blockTime,
  blockHeight,
  ...(details === "full" ? { transactions: block.transactions.map(transactionJson) } : {}),
  ...(details === "signatures"
    ? { signatures: block.transactions.map(({ signature }) => signature) }
    : {})
})

const transactionJson = (landed: LandedTransaction) => ({
  version: 0,
  transaction: {
    signatures: landed.signatures,
    message: {
      header: landed.header,
      accountKeys: landed.accountKeys,
      recentBlockhash: landed.recentBlockhash,
      instructions: landed.instructions,
      addressTableLookups: []
    }
  },
  meta: {
    err: landed.err,
    status: landed.err === null ? { Ok: null } : { Err: landed.err },
    fee: landed.fee,
    preBalances: landed.preBalances,
    postBalances: landed.postBalances,
    preTokenBalances: landed.preTokenBalances.map(holdingJson),
    postTokenBalances: landed.postTokenBalances.map(holdingJson),
    innerInstructions: landed.innerInstructions,
    logMessages: landed.logs,
    loadedAddresses: { writable: [], readonly: [] },
    rewards: []
  }
})

const holdingJson = ({ accountIndex, mint, owner, programId, units, decimals }: TokenHolding) => {
  const digits = units.toString().padStart(decimals + 1, "0")
  const fraction = decimals === 0 ? "" : digits.slice(-decimals).replace(/0+$/, "")
  const whole = decimals === 0 ? digits : digits.slice(0, -decimals)
  const uiAmountString = fraction === "" ? whole : `${whole}.${fraction}`
  return {
    accountIndex,
    mint,
    owner,
    programId,
    uiTokenAmount: {
      amount: units.toString(),
      decimals,
      uiAmount: units === 0n ? null : Number(uiAmountString),
      uiAmountString
    }
  }
}
