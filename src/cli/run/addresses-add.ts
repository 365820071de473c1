/** Registers one address. */
import { Console, Effect, type Option, Result } from "effect"
import { Addresses } from "../../addresses/addresses.ts"
import { checkRegistration, type RegistrationText } from "../../addresses/registration.ts"
import { refuse } from "../failure.ts"
import { registering, tenantOf } from "./addresses-registering.ts"

interface AddInput {
  readonly tenant: Option.Option<string>
  readonly chain: string
  readonly address: string
  readonly account: string
}

const flags: Readonly<Record<keyof RegistrationText, string>> = {
  tenant_id: "--tenant",
  chain: "--chain",
  address: "--address",
  account_reference: "--account"
}

export const addAddress = ({ account, address, chain, tenant }: AddInput) =>
  registering(
    Effect.fnUntraced(function* (known, by) {
      const tenant_id = yield* tenantOf(known, tenant, "--tenant")
      const text = { tenant_id, chain, address, account_reference: account }
      const checked = checkRegistration(known, text)
      if (Result.isFailure(checked)) {
        return yield* refuse(
          checked.failure.map(({ field, message }) => `${flags[field]} ${message}`).join("\n")
        )
      }
      const registration = checked.success
      const { registered } = yield* (yield* Addresses).register([registration], by)
      const said = registered === 0 ? "was registered before" : "is registered"
      yield* Console.log(
        `${registration.address} on ${chain} ${said} for ${account} of ${tenant_id}.`
      )
    })
  )
