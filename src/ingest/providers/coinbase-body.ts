/** What the bodies of Coinbase CDP tell of transfers. coinbase.ts says where they are documented. */
import { Result, Schema } from "effect"
import type { ChainConfig } from "../../config/chain-config.ts"
import type { Source } from "../../config/surehook-config.ts"
import type { ChainName } from "../../domain/chain.ts"
import { decoder } from "../fields.ts"
import type { FieldFault } from "../problem.ts"
import type { IgnoredReason, RawWebhook, Receiver } from "../provider.ts"
import { signedHeader } from "./coinbase-signature.ts"
import {
  collected,
  evmChainOf,
  evmTokenOf,
  evmTransfer,
  faultsOf,
  ignoredEntry,
  messageId,
  type Reading,
  type Told,
  unknownToken,
  within
} from "./evm-transfer.ts"
import { joinPath } from "./fault-paths.ts"

type Faults = ReadonlyArray<FieldFault>

const text = Schema.optionalKey(Schema.String)
const Envelope = Schema.Struct({
  eventType: text,
  eventId: text,
  type: text,
  id: text,
  data: Schema.optionalKey(Schema.Json)
})
const decodeEnvelope = decoder(Envelope)
const decodeObject = decoder(Schema.JsonObject)

const Name = Schema.Struct({ eventName: Schema.String })
const Place = Schema.Struct({
  network: Schema.String,
  contractAddress: Schema.String,
  transactionHash: Schema.String,
  logIndex: Schema.optionalKey(
    Schema.NullOr(Schema.Union([Schema.Int, Schema.String])).annotate({
      message: "must be a whole number, or one as a string"
    })
  )
})

/** How a shape of the body calls what we read. */
interface FieldNames {
  readonly network: string
  readonly eventName: string
  readonly contractAddress: string
  readonly transactionHash: string
  readonly logIndex: string
}

const shapeOf = (names: FieldNames) => {
  const { eventName, ...place } = names
  return {
    names,
    decodeName: decoder(Name.pipe(Schema.encodeKeys({ eventName }))),
    decodePlace: decoder(Place.pipe(Schema.encodeKeys(place)))
  }
}
type Shape = ReturnType<typeof shapeOf>

const camelCase: FieldNames = {
  network: "network",
  eventName: "eventName",
  contractAddress: "contractAddress",
  transactionHash: "transactionHash",
  logIndex: "logIndex"
}

const flatShape = shapeOf({
  network: "network",
  eventName: "event_name",
  contractAddress: "contract_address",
  transactionHash: "transaction_hash",
  logIndex: "log_index"
})
const envelopeShape = shapeOf(camelCase)
const olderShape = shapeOf({ ...camelCase, network: "networkId" })

/** The types that tell of events of contracts. */
const activityTypes = new Set([
  "onchain.activity.detected",
  "wallet.activity.detected",
  "wallet.activity.multi"
])

interface Message {
  readonly message_id: string | null
  readonly type: string | undefined
  readonly shape: Shape
  /** Of the event in the body. */
  readonly path: string
  readonly event: Schema.JsonObject
}

const messageOf = (body: Schema.Json, webhook: RawWebhook): Result.Result<Message, Faults> =>
  Result.gen(function* () {
    const whole = yield* decodeObject(body)
    const { data, eventId, eventType, id, type } = yield* decodeEnvelope(body)
    const headerType = signedHeader(webhook, "x-event-type")
    const headerId = signedHeader(webhook, "x-event-id") ?? signedHeader(webhook, "x-hook0-id")
    if (data === undefined && eventType === undefined && type === undefined) {
      const message_id = messageId(headerId)
      return { message_id, type: headerType, shape: flatShape, path: "", event: whole }
    }
    const event = yield* within("data")(decodeObject(data ?? {}))
    return {
      message_id: messageId(eventId ?? id ?? headerId),
      type: eventType ?? type ?? headerType,
      shape: "networkId" in event ? olderShape : envelopeShape,
      path: "data",
      event
    }
  })

/** Why an event of a contract is no deposit, by its name; undefined for Transfer. */
const reasonOfEvent = (name: string): IgnoredReason | undefined => {
  switch (name) {
    case "Transfer":
      return undefined
    case "Approval":
    case "ApprovalForAll":
      return "approval"
    case "TransferSingle":
    case "TransferBatch":
      return "nft"
    default:
      return "not_a_transfer"
  }
}

/**
 * The parameters of `Transfer` go by the names that the contract gave them: OpenZeppelin's, older
 * ones with an underscore, and those of WETH and DAI.
 */
const parameterNames = {
  from: ["from", "_from", "src", "sender"],
  to: ["to", "_to", "dst", "recipient"],
  value: ["value", "_value", "wad", "amount"]
}
const tokenIdNames = ["tokenId", "_tokenId"]

const nameIn = (names: ReadonlyArray<string>, parameters: Schema.JsonObject): string =>
  names.find((name) => Object.hasOwn(parameters, name)) ?? names[0] ?? ""

const parameter = (
  which: keyof typeof parameterNames,
  parameters: Schema.JsonObject,
  path: string
): Result.Result<Told, Faults> => {
  const key = nameIn(parameterNames[which], parameters)
  const name = joinPath(path, key)
  const value = parameters[key]
  if (typeof value === "string") return Result.succeed({ name, text: value })
  return Result.fail([
    { path: name, message: value === undefined ? "is missing" : "must be a string" }
  ])
}

const readEvent = (
  { event, path, shape: { decodeName, decodePlace, names } }: Message,
  networks: Source["networks"],
  chains: ReadonlyMap<ChainName, ChainConfig>,
  payload: Schema.Json
): Reading =>
  Result.gen(function* () {
    const { eventName } = yield* within(path)(decodeName(event))
    const reason = reasonOfEvent(eventName)
    if (reason !== undefined) {
      return yield* ignoredEntry(path, reason, "this event of a contract moves no token amount")
    }
    const place = yield* within(path)(decodePlace(event))
    const at = (name: keyof FieldNames) => joinPath(path, names[name])
    const chain = yield* evmChainOf(networks, chains, place.network, at("network"))
    const token = yield* evmTokenOf(chain, {
      path: at("contractAddress"),
      address: place.contractAddress
    })
    const isApart = "parameters" in event
    const parameters = isApart
      ? yield* within(joinPath(path, "parameters"))(decodeObject(event.parameters))
      : event
    if (token === undefined) {
      const isNft = tokenIdNames.some((name) => Object.hasOwn(parameters, name))
      return yield* isNft ? ignoredEntry(path, "nft", "it moves an NFT") : unknownToken(path, chain)
    }
    const parameterPath = isApart ? "parameters" : ""
    const fields = {
      from: parameter("from", parameters, parameterPath),
      to: parameter("to", parameters, parameterPath),
      units: parameter("value", parameters, parameterPath)
    }
    const told = Result.mapError(Result.all(fields), () => faultsOf(fields))
    return yield* evmTransfer({
      chain,
      token,
      path,
      numbers: "decimal",
      tx_hash: { name: names.transactionHash, text: place.transactionHash },
      ...(yield* within(path)(told)),
      log_index:
        place.logIndex === undefined || place.logIndex === null
          ? null
          : { name: names.logIndex, text: `${place.logIndex}` },
      report: "seen",
      payload
    })
  })

export const coinbaseBody =
  (networks: Source["networks"], chains: ReadonlyMap<ChainName, ChainConfig>): Receiver["decode"] =>
  (body, webhook) =>
    Result.gen(function* () {
      const message = yield* messageOf(body, webhook)
      const { message_id, type } = message
      const reading =
        type === undefined || activityTypes.has(type)
          ? readEvent(message, networks, chains, body)
          : ignoredEntry(
              "",
              "not_a_transfer",
              "events of this type tell of no transfers: subscribe to onchain.activity.detected or wallet.activity.multi"
            )
      return { message_id, ...(yield* collected([reading])) }
    })
