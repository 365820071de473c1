/** What the local Solana's RPC methods take, and how they refuse what they do not. */
import { Schema } from "effect"

/** Numbers may be bigints. */
export type MethodAnswer =
  | { readonly result: unknown }
  | { readonly error: { readonly code: number; readonly message: string } }

export type Method = (params: unknown) => MethodAnswer

const Config = Schema.Struct({
  commitment: Schema.optionalKey(Schema.Literals(["processed", "confirmed", "finalized"])),
  encoding: Schema.optionalKey(Schema.String),
  dataSlice: Schema.optionalKey(Schema.Struct({ offset: Schema.Int, length: Schema.Int })),
  minContextSlot: Schema.optionalKey(Schema.Int),
  maxSupportedTransactionVersion: Schema.optionalKey(Schema.Number),
  searchTransactionHistory: Schema.optionalKey(Schema.Boolean),
  transactionDetails: Schema.optionalKey(Schema.String),
  rewards: Schema.optionalKey(Schema.Boolean),
  limit: Schema.optionalKey(Schema.Int),
  before: Schema.optionalKey(Schema.NullOr(Schema.String)),
  until: Schema.optionalKey(Schema.NullOr(Schema.String))
})
export type Config = typeof Config.Type

const Mint = Schema.Struct({ mint: Schema.String })

export const Params = Schema.Struct({
  none: Schema.Union([Schema.Tuple([]), Schema.Tuple([Config])]),
  text: Schema.Union([Schema.Tuple([Schema.String]), Schema.Tuple([Schema.String, Config])]),
  texts: Schema.Union([
    Schema.Tuple([Schema.Array(Schema.String)]),
    Schema.Tuple([Schema.Array(Schema.String), Config])
  ]),
  textAndMint: Schema.Union([
    Schema.Tuple([Schema.String, Mint]),
    Schema.Tuple([Schema.String, Mint, Config])
  ]),
  slot: Schema.Union([Schema.Tuple([Schema.Int]), Schema.Tuple([Schema.Int, Config])])
}).fields

export const fault = (code: number, message: string): MethodAnswer => ({ error: { code, message } })
export const invalid = (why: string): MethodAnswer => fault(-32602, `Invalid params: ${why}`)

/** History is read at `confirmed` or `finalized`. */
export const belowConfirmed = (): MethodAnswer =>
  invalid("Method does not support commitment below `confirmed`")

export const taking = <S extends Schema.ConstraintDecoder<unknown>>(
  schema: S,
  answer: (params: S["Type"]) => MethodAnswer
): Method => {
  const decode = Schema.decodeUnknownOption(schema)
  return (params) => {
    const decoded = decode(params)
    return decoded._tag === "Some" ? answer(decoded.value) : invalid("unexpected parameters")
  }
}
