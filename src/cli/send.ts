/** `surehook send`: signs and posts one webhook, as a provider would. */
import { Effect, Option } from "effect"
import { CliError, Command, Flag } from "effect/cli"
import { onDemand } from "./on-demand.ts"

const text = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar(metavar),
    Flag.withDescription(description),
    Flag.optional
  )

const flags = {
  txHash: text("tx-hash", "HASH", "The transaction that holds the deposit"),
  token: text("token", "SYMBOL", "A token of the chain in surehook.yaml, such as ETH"),
  amount: text("amount", "DECIMAL", "In whole tokens, such as 1.5"),
  to: text("to", "ADDRESS", "Who received it"),
  chain: text("chain", "NAME", "A chain of surehook.yaml (default: the only one)"),
  transferIndex: Flag.Int("transfer-index").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription("Which transfer of the transaction (on EVM the log index)"),
    Flag.optional
  ),
  body: text("body", "FILE|-", "Send this file's bytes, or standard input's, as the body instead"),
  source: text("source", "ID", "A source of surehook.yaml (default: the only one)"),
  url: text("url", "URL", "Where the service is (default: http://HOST:PORT of the environment)"),
  id: Flag.String("id").pipe(
    Flag.withMetavar("ID"),
    Flag.withDescription("The webhook-id (default: a new one)"),
    Flag.filter(
      (id) => /^[!-~]+$/.test(id),
      () => "Expected ASCII without spaces, as a header takes it"
    ),
    Flag.optional
  ),
  wait: Flag.Boolean("wait").pipe(
    Flag.withDescription("Wait up to 60 s until the deposit is settled; exits 1 if not credited"),
    Flag.withDefault(false)
  )
}

export type SendInput = Command.Command.Config.Infer<typeof flags>

/** The body is either given whole, or made of these. */
const fields = (input: SendInput) => ({
  "tx-hash": input.txHash,
  token: input.token,
  amount: input.amount,
  to: input.to
})

const validate = (input: SendInput) => {
  const given = Object.entries<Option.Option<unknown>>({
    ...fields(input),
    chain: input.chain,
    "transfer-index": input.transferIndex
  }).flatMap(([name, value]) => (Option.isSome(value) ? [`--${name}`] : []))
  if (Option.isSome(input.body)) {
    return given.length === 0
      ? Effect.void
      : refuse(`--body is the whole body: leave out ${given.join(", ")}`)
  }
  const missing = Object.entries(fields(input)).flatMap(([name, value]) =>
    Option.isNone(value) ? [`--${name}`] : []
  )
  return missing.length === 0
    ? Effect.void
    : refuse(`Missing ${missing.join(", ")} (or --body with the whole body)`)
}

const refuse = (message: string) => Effect.fail(new CliError.ValidationError({ message }))

export const send = Command.make(
  "send",
  flags,
  onDemand(() => import("./run/send.ts").then(({ sendWebhook }) => sendWebhook))
).pipe(
  Command.validate(validate),
  Command.withDescription(
    `Sign one webhook by Standard Webhooks and post it to the service.

  The secret is the source's first in surehook.yaml, or that of the development config. The service
  must run; whether the deposit exists on chain, it finds out by itself.`
  ),
  Command.withShortDescription("Sign one webhook and post it to the service"),
  Command.withExamples([
    {
      command: "surehook send --tx-hash 0x… --token ETH --amount 1.5 --to 0x… --wait",
      description: "Announce a deposit, and see what becomes of it"
    },
    { command: "surehook send --body webhook.json --source main", description: "Send a file" }
  ])
)
