/**
 * Helius webhooks on Solana, enhanced and raw.
 *
 * https://www.helius.dev/docs/webhooks and https://www.helius.dev/docs/faqs/webhooks
 * The `Authorization` header is what was set as `authHeader` of the webhook, as a whole: a secret and
 * no signature. There is no timestamp and no message id; a call that is sent again makes equal claims,
 * which are the same jobs. Helius gives up after three tries.
 *
 * Body: a list of transactions, enhanced (`accountData`) or raw (`transaction` and `meta`). None says
 * of which network it is, so a source serves one, with one entry in surehook.yaml:
 *
 *     provider: helius
 *     networks: { mainnet: solana }     # or devnet: …; the name is for people
 */
import { hash, timingSafeEqual } from "node:crypto"
import { Effect, Redacted, Result, Schema } from "effect"
import type { ChainConfig } from "../../config/chain-config.ts"
import { plainSecret } from "../../config/source-rules.ts"
import type { Source } from "../../config/surehook-config.ts"
import type { ChainName } from "../../domain/chain.ts"
import { decoder } from "../fields.ts"
import { type FieldFault, failIf, WebhookProblem } from "../problem.ts"
import type { Announcement, Provider, Receiver } from "../provider.ts"
import { allOrFaults } from "./fault-paths.ts"
import { enhancedBalances } from "./helius-enhanced.ts"
import { type Told, tell } from "./solana-balances.ts"
import { exactJson } from "./solana-lamports.ts"
import { isRawTransaction, rawBalances } from "./solana-transaction.ts"

const minSecretLength = 16
const validSecret = plainSecret(minSecretLength)

const secret: Provider["secret"] = (text) =>
  text === text.trim()
    ? validSecret(text)
    : Result.fail("must not begin or end with a space, which HTTP does not carry in a header")

/** Digests have one length, so that the time of a comparison does not tell the secret's. */
const digestOf = (text: string): Buffer => hash("sha256", text, "buffer")

const verifier = (secrets: ReadonlyArray<Redacted.Redacted<string>>): Receiver["verify"] => {
  const expected = secrets.map((active) => digestOf(Redacted.value(active)))
  const faultOf = (authorization: string | undefined): WebhookProblem | undefined => {
    if (authorization === undefined) {
      return refused(
        "missing authorization: set the `authHeader` of the webhook at Helius to the secret of this source"
      )
    }
    const given = digestOf(authorization)
    // Each is compared, so that the time tells nothing about which one is close.
    const matches = expected.filter((own) => timingSafeEqual(given, own)).length
    return matches > 0
      ? undefined
      : refused(
          "the authorization header is no active secret of this source: set the `authHeader` of the webhook at Helius to it, as a whole"
        )
  }
  return ({ headers }) => failIf(faultOf(headers.authorization))
}

const refused = (detail: string) => new WebhookProblem({ code: "signature_invalid", detail })

/** The one chain that a source serves, or what to mend in surehook.yaml. */
const onlyChain = (
  { networks }: Source,
  chains: ReadonlyMap<ChainName, ChainConfig>
): Result.Result<ChainConfig, ReadonlyArray<FieldFault>> => {
  const [name, ...others] = networks?.values() ?? []
  const chain = name === undefined || others.length > 0 ? undefined : chains.get(name)
  if (chain?.kind === "solana") return Result.succeed(chain)
  return Result.fail([
    {
      path: "",
      message:
        "does not say of which network it is: give this source exactly one entry in `networks` of surehook.yaml, a Solana chain, such as `mainnet: solana`"
    }
  ])
}

const decodeList = decoder(Schema.Array(Schema.Json))

const told = (
  chain: ChainConfig,
  item: Schema.Json,
  path: string
): Result.Result<Told, ReadonlyArray<FieldFault>> =>
  Result.flatMap(
    isRawTransaction(item) ? rawBalances(item, path) : enhancedBalances(item, path),
    (transaction) => tell(chain, transaction)
  )

const announcementOf = (
  chain: ChainConfig,
  items: ReadonlyArray<Schema.Json>
): Result.Result<Announcement, ReadonlyArray<FieldFault>> =>
  Result.map(
    allOrFaults(items, (item, index) => told(chain, item, `[${index}]`)),
    (all) => ({
      message_id: null,
      transfers: all.flatMap(({ transfers }) => transfers),
      ignored: all.flatMap(({ ignored }) => ignored),
      is_test: items.length === 0
    })
  )

export const helius: Provider = {
  secret,
  namesNetworks: true,
  sendsBlocks: true,
  options: Schema.Struct({}),
  receiver: (source, chains) =>
    Effect.succeed({
      verify: verifier(source.secrets),
      decode: (body, webhook) =>
        onlyChain(source, chains).pipe(
          Result.flatMap((chain) =>
            Result.flatMap(decodeList(exactJson(body, webhook.body)), (items) =>
              announcementOf(chain, items)
            )
          )
        )
    })
}
