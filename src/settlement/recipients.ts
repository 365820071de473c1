/**
 * Whose each deposit of a batch is, as the registered addresses say at this moment.
 *
 *     address is                      unknown_addresses of the tenant        the deposit is
 *     registered                      -                                      credited to its account
 *     unknown                         reject                                 refused: dlq
 *     unknown                         open                                   credited to the address
 *     unknown                         not set, the tenant registers          refused: dlq
 *     unknown                         not set, the tenant has none           credited to the address
 */
import { Effect } from "effect"
import { type Addressed, Addresses, type AddressInfo } from "../addresses/addresses.ts"
import { SurehookConfig, type UnknownAddresses } from "../config/surehook-config.ts"
import type { Job } from "../deposits/job.ts"
import { Address, ChainName } from "../domain/chain.ts"
import { TenantId } from "../domain/ids.ts"

export type Recipient =
  | { readonly _tag: "Registered"; readonly account_reference: string }
  | { readonly _tag: "Unregistered" }
  | { readonly _tag: "Refused" }

/** One query for all jobs, which come back in their order. */
export const recipientsOf = Effect.fnUntraced(function* (jobs: ReadonlyArray<Job>) {
  const addresses = yield* Addresses
  const { unknownAddresses } = yield* SurehookConfig
  const infos = yield* addresses.lookup(jobs.map(addressed))
  return yield* Effect.forEach(jobs, (job, index) => {
    const info = infos[index]
    const rule = unknownAddresses?.get(TenantId.make(job.state.context.tenant_id))
    return info === undefined
      ? Effect.die(new Error(`nothing is known of the address of deposit ${job.id}`))
      : Effect.succeed({ job, recipient: recipientOf(info, rule) })
  })
})

const addressed = ({ state: { context } }: Job): Addressed => ({
  tenant_id: TenantId.make(context.tenant_id),
  chain: ChainName.make(context.chain),
  address: Address.make(context.to_address)
})

const recipientOf = (
  { account_reference, tenant_registers }: AddressInfo,
  rule: UnknownAddresses | undefined
): Recipient => {
  if (account_reference !== null) return { _tag: "Registered", account_reference }
  const isRejected = (rule ?? (tenant_registers ? "reject" : "open")) === "reject"
  return { _tag: isRejected ? "Refused" : "Unregistered" }
}
