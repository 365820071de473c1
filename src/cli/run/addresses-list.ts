/** Registered addresses as a table, or as JSON. */
import { Console, Effect, Option } from "effect"
import { Addresses, type RegisteredAddress } from "../../addresses/addresses.ts"
import { reading } from "./command-database.ts"
import { printable, timeText } from "./job-text.ts"
import { type Column, screen, table } from "./table.ts"

interface ListInput {
  readonly tenant: Option.Option<string>
  readonly chain: Option.Option<string>
  readonly account: Option.Option<string>
  readonly limit: number
  readonly json: boolean
}

export const listAddresses = ({ account, chain, json, limit, tenant }: ListInput) =>
  Effect.gen(function* () {
    const found = yield* (yield* Addresses).list({
      tenants: Option.getOrUndefined(Option.map(tenant, (id) => [id])),
      chain: Option.getOrUndefined(chain),
      account_reference: Option.getOrUndefined(account),
      limit: limit + 1
    })
    const addresses = found.slice(0, limit)
    if (json) return yield* Console.log(JSON.stringify({ addresses }, null, 2))
    if (addresses.length === 0) return yield* Console.error("There are no such addresses.")
    yield* Console.log(table(columns, addresses, yield* screen))
    if (found.length > limit) yield* Console.error(`The first ${limit}: --limit shows more.`)
  }).pipe(Effect.provide(Addresses.layer), reading)

const columns: ReadonlyArray<Column<RegisteredAddress>> = [
  { title: "TENANT", text: ({ tenant_id }) => tenant_id, shrinksTo: 6 },
  { title: "CHAIN", text: ({ chain }) => chain, shrinksTo: 8 },
  { title: "ADDRESS", text: ({ address }) => address, shrinksTo: 13, cut: "middle" },
  { title: "ACCOUNT", text: ({ account_reference }) => printable(account_reference) },
  { title: "REGISTERED", text: ({ registered_at }) => timeText(registered_at), shrinksTo: 10 },
  { title: "BY", text: ({ registered_by }) => printable(registered_by), shrinksTo: 8 }
]
