/**
 * Coinbase CDP: onchain activity and wallet activity.
 *
 * https://docs.cdp.coinbase.com/api-reference/v2/webhooks/webhook-onchain-activity-detected
 * https://docs.cdp.coinbase.com/api-reference/v2/webhooks/webhook-wallet-activity-detected
 * https://docs.cdp.coinbase.com/api-reference/v2/webhooks/webhook-wallet-activity-multi
 * https://docs.cdp.coinbase.com/webhooks/onchain-activity/multi-address
 * `X-Hook0-Signature`: see coinbase-signature.ts.
 *
 * One call tells of one event of a contract, in one of three documented shapes: its fields alone in
 * snake case, the type in the header `X-Event-Type`; or in an envelope under `data` in camel case,
 * with `network` or, in older subscriptions, `networkId`. The event's own parameters stand under
 * `parameters` or beside the other fields. No event for native transfers is documented: they need
 * another provider. Neither is one for a reorganisation, so each event is a first word.
 */
import { Effect, Schema } from "effect"
import { plainSecret } from "../../config/source-rules.ts"
import type { Provider } from "../provider.ts"
import { coinbaseBody } from "./coinbase-body.ts"
import { coinbaseVerifier } from "./coinbase-signature.ts"

const minSecretLength = 16

export const coinbase: Provider = {
  secret: plainSecret(minSecretLength),
  namesNetworks: true,
  options: Schema.Struct({}),
  receiver: (source, chains) =>
    Effect.succeed({
      verify: coinbaseVerifier(source.secrets),
      decode: coinbaseBody(source.networks, chains)
    })
}
