/** Asks the service's API what it owes each address. */
import { Effect, Schema } from "effect"
import type { ShownBalance } from "./facts.ts"

const Shown = Schema.Struct({
  balances: Schema.Array(Schema.Struct({ token: Schema.String, amount: Schema.String }))
})

const request = (url: string, token: string) =>
  Effect.promise(async (signal) => {
    const response = await fetch(url, { headers: { authorization: `Bearer ${token}` }, signal })
    const json: unknown = await response.json()
    return { status: response.status, json }
  })

/** An address that has no account has no balance. */
export const readBalances = Effect.fnUntraced(function* (
  service: { readonly url: string; readonly token: string; readonly chain: string },
  addresses: ReadonlyArray<string>
) {
  const balances: Array<ShownBalance> = []
  for (const address of addresses) {
    const answer = yield* request(
      `${service.url}/v1/accounts/${service.chain}/${address}`,
      service.token
    )
    if (answer.status === 404) continue
    const shown = yield* Schema.decodeUnknownEffect(Shown)(answer.json)
    balances.push(...shown.balances.map((balance) => ({ address, ...balance })))
  }
  return balances
})
