/** `surehook send` against a running service and a real chain. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { NodeServices } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer, Redacted } from "effect"
import { type Anvil, startAnvil } from "../../src/demo/anvil.ts"
import { emptyFolder, surehook } from "../support/command.ts"
import { TestDatabase } from "../support/postgres.ts"
import { operatorToken, startService, unreachableChain } from "../support/service.ts"
import { secretText } from "../support/webhooks.ts"

const recipient = `0x${"d0".repeat(20)}`
const oneAndAHalfEther = 1_500_000_000_000_000_000n

const configText = `
tenants:
  acme:
    sources:
      main: { environment: production, provider: standard, secrets: ["\${MAIN_SECRET}"] }
chains:
  localchain:
    kind: evm
    chain_id: 31337
    rpc: [{ url: "http://127.0.0.1:9" }]
    confirmations: 1
    tokens: { ETH: native }
api:
  tokens: [{ name: ops, role: operator, token: "\${OPS_TOKEN}" }]
`

/** A running service, and a folder whose surehook.yaml tells `send` of it. */
class Sender extends Context.Service<
  Sender,
  { readonly anvil: Anvil; readonly cwd: string; readonly env: Readonly<Record<string, string>> }
>()("surehook/test/Sender") {
  static readonly layer = Layer.effect(
    Sender,
    Effect.gen(function* () {
      const anvil = yield* startAnvil()
      const { url } = yield* startService({
        databaseUrl: (yield* TestDatabase).url,
        chains: [{ ...unreachableChain, rpc: [{ url: Redacted.make(anvil.url) }] }]
      })
      const cwd = yield* emptyFolder
      writeFileSync(join(cwd, "surehook.yaml"), configText)
      const env = { PORT: new URL(url).port, MAIN_SECRET: secretText, OPS_TOKEN: operatorToken }
      return { anvil, cwd, env }
    })
  ).pipe(Layer.provide(TestDatabase.layerUrl), Layer.provide(NodeServices.layer))
}

const send = (
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {},
  stdin = ""
) =>
  Effect.gen(function* () {
    const sender = yield* Sender
    const ended = yield* surehook(["send", ...args], {
      cwd: sender.cwd,
      env: { ...sender.env, ...env },
      stdin
    })
    const output = ended.stdout + ended.stderr
    assert.notInclude(output, secretText.slice("whsec_".length))
    assert.notInclude(output, operatorToken)
    return ended
  })

const deposit = Effect.gen(function* () {
  const { anvil } = yield* Sender
  const [from, to] = [anvil.accounts[0], anvil.accounts[1]]
  const tx_hash = yield* anvil.send({ from, to, wei: oneAndAHalfEther })
  return { tx_hash, to }
})

const flags = (tx_hash: string, to: string, amount: string) =>
  ["--tx-hash", tx_hash, "--token", "ETH", "--amount", amount, "--to", to] as const

layer(Sender.layer, { excludeTestServices: true })("surehook send", (it) => {
  it.effect("signs a webhook from flags or a file, and waits for the deposit's credit", () =>
    Effect.gen(function* () {
      const { to, tx_hash } = yield* deposit
      const first = yield* send([...flags(tx_hash, to, "1.5"), "--wait", "--id", "msg_first"])
      assert.deepStrictEqual([first.code, first.stderr], [0, ""])
      assert.match(
        first.stdout,
        /^200 accepted: source main, webhook-id msg_first\njob [0-9a-f-]{36}\n/
      )
      assert.match(first.stdout, /\n {2}completed\.\w+, attempt 1 of 5\n$/)

      const { cwd } = yield* Sender
      const body = { chain: "localchain", tx_hash, token: "ETH", amount: "1.50", to_address: to }
      writeFileSync(join(cwd, "webhook.json"), JSON.stringify(body, null, 3))
      const again = yield* send(["--body", "webhook.json"])
      assert.strictEqual(again.code, 0)
      const job = /job [0-9a-f-]{36}/.exec(first.stdout)?.[0]
      assert.match(again.stdout, new RegExp(`^200 duplicate: .*\\n${job} is completed\\n`))
    })
  )

  it.effect("exits 1 when the deposit that it waits for is not credited, and says why", () =>
    Effect.gen(function* () {
      const { to, tx_hash } = yield* deposit
      const { code, stderr, stdout } = yield* send([...flags(tx_hash, to, "2"), "--wait"])
      assert.strictEqual(code, 1)
      assert.match(stdout, /\n {2}dlq, attempt 1 of 5, permanent: no transfer of 2 ETH/)
      assert.match(stderr, /^It was not credited: npm run surehook -- jobs show [0-9a-f-]{36} /)
    })
  )

  it.effect("prints why the service refuses, with a line for each field, and exits 1", () =>
    Effect.gen(function* () {
      const wrongSecret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`
      const [fields, signature] = yield* Effect.all(
        [
          send(["--body", "-"], {}, '{"chain":"localchain","amount":"many"}'),
          send(flags(`0x${"00".repeat(32)}`, recipient, "1"), { MAIN_SECRET: wrongSecret })
        ],
        { concurrency: 2 }
      )
      assert.deepStrictEqual([fields.code, fields.stdout], [1, ""])
      assert.match(fields.stderr, /^422 Invalid fields: .*\n(?: {2}\w+: .*\n)* {2}amount: must be/)
      assert.deepStrictEqual([signature.code, signature.stdout], [1, ""])
      assert.match(signature.stderr, /^401 Signature refused: no signature fits/)
    })
  )

  it.effect("says what is wrong before it sends anything", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* Sender
      const some = flags(`0x${"00".repeat(32)}`, recipient, "1")
      const closed = "http://127.0.0.1:1"
      const faults: ReadonlyArray<readonly [ReadonlyArray<string>, string]> = [
        [["--url", closed], `The service is not running at ${closed}. Start it with \`npm start\``],
        [["--source", "mian"], "The config has no source mian: did you mean main?"]
      ]
      const answers = yield* Effect.forEach(faults, ([args]) => send([...some, ...args]), {
        concurrency: 2
      })
      answers.forEach(({ code, stderr, stdout }, index) => {
        assert.deepStrictEqual([code, stdout], [1, ""])
        assert.isTrue(stderr.startsWith(faults[index]?.[1] ?? "\0"), stderr)
        assert.lengthOf(stderr.trimEnd().split("\n"), 1)
      })
      writeFileSync(join(cwd, "without-tokens.yaml"), configText.split("api:")[0] ?? "")
      const waiting = yield* surehook(["send", ...some, "--wait"], {
        cwd,
        env: { ...env, SUREHOOK_CONFIG: "without-tokens.yaml" }
      })
      assert.match(waiting.stderr, /^--wait asks the API, and api\.tokens has no token/)
    })
  )
})
