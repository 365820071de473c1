/**
 * Which transfer of a transaction is the one that was claimed? Pure, and never a guess.
 *
 * A token is its contract's address: any contract may call itself USDC and log what it likes.
 * The amount is what the log says was delivered, which for a token with a fee is less than was sent.
 */
import type { TokenConfig } from "../../config/chain-config.ts"
import { amountFromUnits } from "../../domain/amount.ts"
import type { TransferClaim } from "../../domain/transfer.ts"
import { chooseNamed, chooseOnly, type Match, shownAmount, type Telling } from "../choosing.ts"
import type { Evidence } from "../validator.ts"
import type { Log } from "./answers.ts"
import { type SeenTransfer, tokenTransfers } from "./transfers.ts"

type ContractToken = Extract<TokenConfig, { readonly _tag: "Contract" }>

export const transferAsEvidence = (transfer: SeenTransfer): Evidence => ({
  place: transfer.place,
  log_index: transfer.log_index,
  contract: transfer.contract,
  from: transfer.from,
  to: transfer.to,
  units: transfer.units.toString()
})

const hasAmount = (transfer: SeenTransfer, claim: TransferClaim, token: TokenConfig): boolean =>
  amountFromUnits(transfer.units, token.decimals) === claim.amount

/** Why this transfer is not the claimed one; undefined if it is. */
const difference = (
  transfer: SeenTransfer,
  claim: TransferClaim,
  token: TokenConfig
): string | undefined => {
  if (token._tag === "Contract" && transfer.contract !== token.contract) {
    return `it was emitted by ${transfer.contract}, not by ${token.contract}, the contract of ${claim.token}: a symbol proves nothing, anyone can deploy a token of that name`
  }
  if (transfer.to !== claim.to_address) {
    return `it went to ${transfer.to}, not to ${claim.to_address}`
  }
  // Nothing arrives: without this, moving one's own funds in a circle would be credited.
  if (transfer.from === transfer.to) return `it went from ${transfer.from} to itself`
  if (!hasAmount(transfer, claim, token)) {
    return `it moved ${shownAmount(transfer.units, token)} ${claim.token}, not ${claim.amount}`
  }
  return undefined
}

const telling = (claim: TransferClaim, token: TokenConfig): Telling<SeenTransfer> => ({
  difference: (transfer) => difference(transfer, claim, token),
  isOfToken: ({ contract }) => token._tag === "Native" || contract === token.contract,
  isToRecipient: ({ to }) => to === claim.to_address,
  placeOf: ({ place }) => place,
  asEvidence: transferAsEvidence
})

/** The claimed transfer among the logs of its transaction. */
export const matchToken = (
  claim: TransferClaim,
  token: ContractToken,
  logs: ReadonlyArray<Log>
): Match<SeenTransfer> => {
  const transfers = tokenTransfers(logs)
  const index = claim.transfer_index
  if (index === null) {
    return chooseOnly(
      claim,
      transfers,
      {
        ifNone: "the transaction holds no ERC-20 transfer",
        ifAmbiguous: "send transfer_index to say which is meant"
      },
      telling(claim, token)
    )
  }
  return chooseNamed(
    transfers.find((transfer) => transfer.log_index === index),
    `log ${index}`,
    logs.some((log) => log.logIndex === index)
      ? `log ${index} of the transaction is not an ERC-20 transfer`
      : `the transaction has no log ${index}`,
    transfers,
    telling(claim, token)
  )
}

/** The claimed transfer among the values that a transaction's calls moved. */
export const matchNative = (
  claim: TransferClaim,
  token: TokenConfig,
  transfers: ReadonlyArray<SeenTransfer>
): Match<SeenTransfer> =>
  chooseOnly(
    claim,
    transfers,
    {
      ifNone: "the transaction moves no native value",
      ifAmbiguous: "they cannot be told apart, so credit this deposit by hand"
    },
    telling(claim, token)
  )
