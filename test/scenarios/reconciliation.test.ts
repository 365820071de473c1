/** The whole service beside a real chain that reorganises, and of which nobody tells by webhook. */
import { assert, it } from "@effect/vitest"
import { Context, Effect, Layer, Schema } from "effect"
import { Addresses } from "../../src/addresses/addresses.ts"
import { AccountReference } from "../../src/addresses/registration.ts"
import { Address, type TxHash } from "../../src/domain/chain.ts"
import { chainName, chainOf, LocalChain, oneEther, oneUsdc } from "../support/anvil.ts"
import { awaitStatus, balancesOf, eventsOf, jobOf, send } from "../support/api.ts"
import { awaitState } from "../support/await.ts"
import { transfer } from "../support/contracts.ts"
import { TestDatabase } from "../support/postgres.ts"
import { startService, tenantId } from "../support/service.ts"

const env = {
  FUNDING_WORKER_POLL_INTERVAL: "100ms",
  FUNDING_RECONCILIATION_INTERVAL: "200ms",
  FUNDING_RECONCILIATION_THRESHOLD: "1s"
}

const environment = Layer.mergeAll(LocalChain.layer, TestDatabase.layer).pipe(Layer.orDie)

const scenario = (name: string, body: Effect.Effect<void, unknown, LocalChain | TestDatabase>) =>
  it.live(name, () => body.pipe(Effect.provide(environment)), 60_000)

const to = Address.make(`0x${"d1".repeat(20)}`)

const payUsdc = Effect.gen(function* () {
  const { anvil, depositor, usdc } = yield* LocalChain
  return yield* anvil.send({ from: depositor, to: usdc, data: transfer(to, (3n * oneUsdc) / 2n) })
})

const claim = (tx_hash: TxHash) => ({
  chain: chainName,
  tx_hash,
  token: "USDC",
  amount: "1.5",
  to_address: to
})

const decodeRaw = Schema.decodeUnknownEffect(Schema.String)

scenario(
  "a reorganisation takes a credit back, and the deposit is credited again when it is mined again",
  Effect.gen(function* () {
    const { anvil } = yield* LocalChain
    const { url: databaseUrl } = yield* TestDatabase
    const { url } = yield* startService({ databaseUrl, chains: [yield* chainOf()], env })
    const tx = yield* payUsdc
    const raw = yield* anvil
      .rpc("eth_getRawTransactionByHash", [tx])
      .pipe(Effect.flatMap(decodeRaw))
    const { job_id } = yield* send(url, claim(tx))
    yield* awaitStatus(url, job_id, "completed")
    assert.deepStrictEqual(yield* balancesOf(url, chainName, to), { USDC: "1.5" })

    yield* anvil.reorg(1)
    const settled = yield* awaitStatus(url, job_id, "failed")
    assert.include(settled, { sub_state: "settled", settled_because: "reversed" })
    assert.deepStrictEqual(yield* balancesOf(url, chainName, to), { USDC: "0" })

    yield* anvil.rpc("eth_sendRawTransaction", [raw])
    yield* awaitStatus(url, job_id, "completed")
    assert.deepStrictEqual(yield* balancesOf(url, chainName, to), { USDC: "1.5" })
    yield* anvil.mine(70)
    yield* awaitState("finality", jobOf(url, job_id), ({ sub_state }) => sub_state === "final")
    assert.deepStrictEqual(yield* balancesOf(url, chainName, to), { USDC: "1.5" })
    const types = (yield* eventsOf(url, job_id)).map(({ type }) => type)
    assert.deepStrictEqual(types, [
      "deposit.received",
      "processing.started",
      "deposit.credited",
      "deposit.reversed",
      "reconciliation.confirmed",
      "deposit.credited",
      "deposit.finalized"
    ])
  }).pipe(Effect.scoped)
)

scenario(
  "deposits to registered addresses are credited without any webhook, on a watched chain",
  Effect.gen(function* () {
    const { anvil, depositor } = yield* LocalChain
    const { url: databaseUrl } = yield* TestDatabase
    const chains = [{ ...(yield* chainOf()), watch: true }]
    const { context, url } = yield* startService({ databaseUrl, chains, env })
    yield* Context.get(context, Addresses).register(
      [
        {
          tenant_id: tenantId,
          chain: chainName,
          address: to,
          account_reference: AccountReference.make("customer-7")
        }
      ],
      "test"
    )
    yield* payUsdc
    yield* anvil.send({ from: depositor, to, wei: oneEther })
    yield* awaitState("both credits", balancesOf(url, chainName, to), (balances) =>
      ["USDC", "ETH"].every((token) => token in balances)
    )
    assert.deepStrictEqual(yield* balancesOf(url, chainName, to), { ETH: "1", USDC: "1.5" })
  }).pipe(Effect.scoped)
)
