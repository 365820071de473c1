/** Standard Webhooks with ed25519, beside HMAC and alone: signed here with Node's own ed25519. */
import { createHmac, generateKeyPairSync, type KeyObject, randomUUID, sign } from "node:crypto"
import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Result } from "effect"
import { standard } from "../../../src/ingest/providers/standard.ts"
import { signingKey } from "../../../src/ingest/providers/standard-signature.ts"
import { type ProviderCase, providerConformance, sourceOf } from "./conformance.ts"
import { chainsByName, newEvmAddress, newEvmHash } from "./fixtures.ts"

const privateKeys = new Map<string, KeyObject>()

/** The public half as surehook.yaml writes it; the private half stays here. */
const newPair = (): string => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519")
  // The last 32 bytes of its SPKI are the key itself.
  const raw = publicKey.export({ format: "der", type: "spki" }).subarray(-32)
  const text = `whpk_${raw.toString("base64")}`
  privateKeys.set(text, privateKey)
  return text
}

const secret = `whsec_${Buffer.from("a secret beside the public key ..").toString("base64")}`
const publicKey = newPair()
const secondPublicKey = newPair()
const strangersKey = newPair()

/** One signature by whichever key this is. */
const signature = (key: string, id: string, at: number, body: Buffer): string => {
  const text = Buffer.concat([Buffer.from(`${id}.${at}.`), body])
  const privateKey = privateKeys.get(key)
  return privateKey === undefined
    ? `v1,${createHmac("sha256", Buffer.from(key.slice(6), "base64"))
        .update(text)
        .digest("base64")}`
    : `v1a,${sign(null, text, privateKey).toString("base64")}`
}

const mixed: ProviderCase = {
  provider: "standard",
  secrets: [publicKey, secret, secondPublicKey],
  wrongSecret: strangersKey,
  toleranceSeconds: 300,
  signsBody: true,
  sign: (body, { at, secret }) => {
    const id = `msg_${randomUUID()}`
    return {
      "webhook-id": id,
      "webhook-timestamp": `${at}`,
      "webhook-signature": signature(secret, id, at, body)
    }
  },
  sample: () => {
    const tx_hash = newEvmHash()
    const to_address = newEvmAddress()
    const claim = { chain: "ethereum", tx_hash, token: "USDC", amount: "1.5", to_address }
    return { body: claim, transfers: [{ ...claim, transfer_index: null }] }
  },
  required: ["chain", "tx_hash", "token", "amount", "to_address"]
}

providerConformance(mixed)

const at = 1_700_000_000
const body = Buffer.from("{}")

/** Undefined if the source with these secrets takes these signatures, else why not. */
const verdict = (
  secrets: ReadonlyArray<string>,
  signatures: string,
  delivery: { readonly id?: string; readonly at?: number; readonly body?: Buffer } = {}
): Effect.Effect<string | undefined> =>
  Effect.gen(function* () {
    const source = { ...sourceOf(mixed), secrets: secrets.map((text) => Redacted.make(text)) }
    const receiver = yield* standard.receiver(source, chainsByName)
    const verified = receiver.verify({
      headers: {
        "webhook-id": delivery.id ?? "msg_1",
        "webhook-timestamp": `${delivery.at ?? at}`,
        "webhook-signature": signatures
      },
      body: delivery.body ?? body,
      receivedAt: at * 1000
    })
    return yield* Effect.match(verified, {
      onFailure: ({ detail }) => detail,
      onSuccess: () => undefined
    })
  }).pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerNodeHttp))

describe("a signature of Standard Webhooks", () => {
  it.effect("fits if any of its pairs with the source's keys fits, wherever they stand", () =>
    Effect.gen(function* () {
      const good = signature(publicKey, "msg_1", at, body)
      const hmac = signature(secret, "msg_1", at, body)
      const bad = signature(strangersKey, "msg_1", at, body)
      for (const [secrets, signatures] of [
        [[publicKey], good],
        [[secondPublicKey, publicKey], good],
        [[publicKey, secondPublicKey], good],
        [[secret, publicKey], `${bad} ${good}`],
        [[secret, publicKey], `${good} ${bad}`],
        [[publicKey, secret], `${bad} v2,AAAA ${hmac}`],
        [[secret], `${bad} ${hmac}`]
      ] as const) {
        assert.isUndefined(yield* verdict(secrets, signatures))
      }
    })
  )

  it.effect("over another id, time or body, or of another's key, fits nothing", () =>
    Effect.gen(function* () {
      const good = signature(publicKey, "msg_1", at, body)
      const verdicts = yield* Effect.all([
        verdict([publicKey], good, { id: "msg_2" }),
        verdict([publicKey], good, { at: at + 1 }),
        verdict([publicKey], good, { body: Buffer.from("{ }") }),
        verdict([publicKey], signature(strangersKey, "msg_1", at, body)),
        verdict([publicKey], good.slice(0, -4)),
        verdict([publicKey], "v1a,"),
        verdict([publicKey], `v1a,${Buffer.alloc(64).toString("base64")}`)
      ])
      for (const detail of verdicts)
        assert.match(detail ?? "taken", /^no signature fits: .*ed25519/)
    })
  )

  it.effect("is not taken under the name of the other scheme", () =>
    Effect.gen(function* () {
      // Who knows the public key could else sign with it as if it were a secret.
      const bytes = Buffer.from(publicKey.slice("whpk_".length), "base64")
      const forged = createHmac("sha256", bytes).update(`msg_1.${at}.{}`).digest("base64")
      const good = signature(publicKey, "msg_1", at, body)
      for (const [secrets, signatures] of [
        [[publicKey], `v1,${forged}`],
        [[publicKey, secret], `v1,${forged}`],
        [[publicKey, secret], `v1a,${forged}`],
        [[publicKey, secret], good.replace("v1a,", "v1,")]
      ] as const) {
        assert.isDefined(yield* verdict(secrets, signatures))
      }
    })
  )

  it.effect(
    "of a scheme for which the source has no key is answered with the schemes that it has",
    () =>
      Effect.gen(function* () {
        const details = yield* Effect.all([
          verdict([publicKey], signature(secret, "msg_1", at, body)),
          verdict([secret], signature(publicKey, "msg_1", at, body)),
          verdict([secret, publicKey], "v2,AAAA")
        ])
        const rule = (names: string, shapes: string) =>
          `webhook-signature holds no ${names} signature: it must look like ${shapes}`
        assert.deepStrictEqual(details, [
          rule("v1a", "v1a,<base64>"),
          rule("v1", "v1,<base64>"),
          rule("v1 or v1a", "v1,<base64> or v1a,<base64>")
        ])
      })
  )

  it.effect("beyond the sixteenth is not looked at", () =>
    Effect.gen(function* () {
      const good = signature(publicKey, "msg_1", at, body)
      const bad = signature(strangersKey, "msg_1", at, body)
      const behind = (count: number) => `${`${bad} `.repeat(count)}${good}`
      assert.isUndefined(yield* verdict([publicKey], behind(15)))
      assert.isDefined(yield* verdict([publicKey], behind(16)))
    })
  )
})

describe("the key with which `surehook send` signs", () => {
  const source = (provider: string, ...secrets: ReadonlyArray<string>) => ({
    ...sourceOf(mixed),
    provider,
    secrets: secrets.map((text) => Redacted.make(text))
  })

  it("is the first secret, also behind a public key", () => {
    const bytes = Buffer.from(secret.slice("whsec_".length), "base64")
    for (const secrets of [[secret], [publicKey, secret]]) {
      const key = Result.getOrThrow(signingKey(source("standard", ...secrets)))
      assert.deepStrictEqual([...key], [...bytes])
    }
  })

  it("is missing, as it says, for a source with public keys alone or of another provider", () => {
    const faults = [source("standard", publicKey, secondPublicKey), source("circle", secret)].map(
      (one) => Result.merge(Result.map(signingKey(one), () => "a key"))
    )
    assert.match(
      faults[0] ?? "",
      /^The source standard has only public keys \(whpk_\), .* add a se/
    )
    assert.match(
      faults[1] ?? "",
      /^Surehook signs webhooks only as Standard Webhooks says, and the/
    )
    for (const text of [publicKey, secret]) assert.notInclude(faults.join(), text.slice(6))
  })
})
