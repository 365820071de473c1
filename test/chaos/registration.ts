/** Registers the depositors' addresses by the API. */
import { Effect } from "effect"
import { chainName } from "./local-chain.ts"
import { tenant } from "./surehook-yaml.ts"

export interface Registration {
  readonly url: string
  readonly token: string
  readonly addresses: ReadonlyArray<string>
}

export const registerAddresses = ({ addresses, token, url }: Registration) =>
  Effect.promise(async (signal) => {
    const response = await fetch(`${url}/v1/addresses`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({
        tenant_id: tenant,
        addresses: addresses.map((address, index) => ({
          chain: chainName,
          address,
          account_reference: `customer-${index}`
        }))
      }),
      signal
    })
    return { status: response.status, text: await response.text() }
  }).pipe(
    Effect.filterOrElse(
      ({ status }) => status === 201,
      ({ status, text }) => Effect.die(`addresses were not registered: ${status} ${text}`)
    )
  )
