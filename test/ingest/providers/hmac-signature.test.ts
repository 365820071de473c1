/** The HMAC of a call, as options describe it: signed here with Node's own, part by part. */
import { createHmac } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { HmacOptions } from "../../../src/ingest/providers/hmac-options.ts"
import { hmacKey, hmacVerifier } from "../../../src/ingest/providers/hmac-signature.ts"

const secrets = [
  "the first of three secrets",
  "the second of three secrets",
  "the third one of them"
]
const body = Buffer.from('{"hash":"0x1"}')
/** 2026-01-31T12:00:00Z */
const now = 1_769_860_800

const decodeOptions = Schema.decodeUnknownSync(HmacOptions)

const optionsOf = (signature: object, rest: object = {}) =>
  decodeOptions({
    signature: { header: "X-Signature", algorithm: "sha256", encoding: "hex", ...signature },
    fields: {
      network: { value: "mainnet" },
      tx_hash: "/hash",
      token: "/token",
      amount: "/amount",
      amount_unit: "units",
      to_address: "/to"
    },
    ...rest
  })

const keyOf = (secret: string, encoding: "utf8" | "hex" | "base64" = "utf8") =>
  Result.getOrThrow(hmacKey(secret, encoding))

const mac = (secret: string | Buffer, text: string, algorithm = "sha256") =>
  createHmac(algorithm, secret).update(text, "latin1").digest("hex")

/** Why a call with these headers is refused, or undefined if it is taken. */
const verdict = (
  options: HmacOptions,
  headers: Readonly<Record<string, string | undefined>>,
  keys = secrets.map((secret) => keyOf(secret))
) => {
  const problem = hmacVerifier(options, keys)({ headers, body, receivedAt: now * 1000 + 900 })
  return problem === undefined ? undefined : `${problem.code}: ${problem.detail}`
}

describe("an HMAC", () => {
  it("of any active secret is taken, and of no other", () => {
    const options = optionsOf({})
    for (const secret of secrets) {
      assert.isUndefined(verdict(options, { "x-signature": mac(secret, `${body}`) }))
    }
    const strange = verdict(options, { "x-signature": mac("of somebody else", `${body}`) })
    assert.match(strange ?? "", /^signature_invalid: no signature fits: sign `\{body\}`/)
    for (const secret of secrets) assert.notInclude(strange, secret)
  })

  it("may be of each algorithm, encoding and secret's encoding", () => {
    const key = Buffer.from("00ff10203040506070809000a0b0c0d0", "hex")
    for (const algorithm of ["sha256", "sha512", "sha1"]) {
      for (const encoding of ["hex", "base64", "base64url"] as const) {
        for (const secret_encoding of ["hex", "base64"] as const) {
          const options = optionsOf({
            algorithm,
            secret_encoding,
            encoding: encoding === "hex" ? "hex" : "base64"
          })
          const signature = createHmac(algorithm, key).update(body).digest(encoding)
          const keys = [keyOf(key.toString(secret_encoding), secret_encoding)]
          assert.isUndefined(verdict(options, { "x-signature": signature }, keys))
          const upper = verdict(options, { "x-signature": signature.toUpperCase() }, keys)
          assert.strictEqual(upper === undefined, encoding === "hex")
        }
      }
    }
  })

  it("stands behind its prefix, or it is none", () => {
    const options = optionsOf({ prefix: "sha256=" })
    const hex = mac(secrets[0] ?? "", `${body}`)
    assert.isUndefined(verdict(options, { "x-signature": `sha256=${hex}` }))
    for (const header of [hex, `sha1=${hex}`, `sha256= ${hex}`, `SHA256=${hex}`, "sha256=", ""]) {
      assert.strictEqual(
        verdict(options, { "x-signature": header }),
        "signature_invalid: X-Signature holds no signature: it must look like sha256=<hex>"
      )
    }
    assert.match(verdict(options, {}) ?? "", /^signature_invalid: missing X-Signature/)
  })

  it("may be one of several parts of its header, of which sixteen are looked at", () => {
    const options = optionsOf({ prefix: "v1=", separator: "," })
    const good = `v1=${mac(secrets[1] ?? "", `${body}`)}`
    const bad = `v1=${mac("of somebody else", `${body}`)}`
    assert.isUndefined(verdict(options, { "x-signature": `${bad}, v0=00,${good}` }))
    assert.isUndefined(verdict(options, { "x-signature": `${`${bad},`.repeat(15)}${good}` }))
    assert.isDefined(verdict(options, { "x-signature": `${`${bad},`.repeat(16)}${good}` }))
    // Without a separator the header is one part.
    assert.isDefined(verdict(optionsOf({ prefix: "v1=" }), { "x-signature": `${bad},${good}` }))
  })

  it("that is shorter or longer than its algorithm makes fits nothing", () => {
    const options = optionsOf({})
    const hex = mac(secrets[0] ?? "", `${body}`)
    for (const header of [hex.slice(2), `${hex}00`, "00"]) {
      assert.match(verdict(options, { "x-signature": header }) ?? "", /no signature fits/)
    }
  })

  it("is over exactly the parts that the options list, in their order", () => {
    const options = optionsOf(
      { signed: "v2:{header:X-Nonce}:{id}:{timestamp}:{body}!" },
      {
        timestamp: { header: "X-Time", format: "seconds" },
        message_id: { header: "X-Id" }
      }
    )
    const headers = { "x-nonce": "n\u00fc", "x-id": "id-1", "x-time": `${now}` }
    const sign = (text: string) => ({ "x-signature": mac(secrets[2] ?? "", text) })
    const right = sign(`v2:n\u00fc:id-1:${now}:${body}!`)
    assert.isUndefined(verdict(options, { ...headers, ...right }))
    for (const [name, value] of [
      ["x-nonce", "m"],
      ["x-id", "id-2"],
      ["x-time", `${now + 1}`]
    ] as const) {
      assert.match(
        verdict(options, { ...headers, ...right, [name]: value }) ?? "taken",
        /^signature_invalid: no signature fits/
      )
      assert.match(
        verdict(options, { ...headers, ...right, [name]: undefined }) ?? "taken",
        new RegExp(`^signature_invalid: missing ${name}`, "i")
      )
    }
    for (const text of [
      `${body}`,
      `n\u00fc:id-1:${now}:${body}!`,
      `v2:n\u00fc:${now}:id-1:${body}!`
    ]) {
      assert.isDefined(verdict(options, { ...headers, ...sign(text) }))
    }
  })

  it("with a timestamp is taken within its tolerance, either way and in each format", () => {
    const formats: ReadonlyArray<readonly [string, (seconds: number) => string]> = [
      ["seconds", (seconds) => `${seconds}`],
      ["milliseconds", (seconds) => `${seconds * 1000 + 999}`],
      ["iso8601", (seconds) => new Date(seconds * 1000).toISOString()],
      ["iso8601", (seconds) => new Date(seconds * 1000).toISOString().replace(".000Z", "+00:00")]
    ]
    for (const [format, text] of formats) {
      for (const [tolerance, limit] of [
        [undefined, 300],
        ["30s", 30],
        ["1h", 3600]
      ] as const) {
        const options = optionsOf(
          { signed: "{timestamp}.{body}" },
          { timestamp: { header: "x-time", format, ...(tolerance && { tolerance }) } }
        )
        const at = (seconds: number) => {
          const time = text(seconds)
          const signature = mac(secrets[0] ?? "", `${time}.${body}`)
          return verdict(options, { "x-time": time, "x-signature": signature })
        }
        for (const offset of [0, -limit, limit]) assert.isUndefined(at(now + offset))
        assert.match(at(now - limit - 1) ?? "", /^timestamp_invalid: x-time is \d+ s in the past/)
        assert.match(at(now + limit + 1) ?? "", /^timestamp_invalid: x-time is \d+ s in the future/)
      }
    }
  })

  it("with a timestamp of another form is refused, as with NaN for a time", () => {
    const times = {
      seconds: ["", "now", "1e9", "-1", "1769860800.5", "0x10", "1769860800000"],
      milliseconds: ["", `${now}.`, "99999999999999999"],
      iso8601: ["", `${now}`, "2026-01-31", "2026-01-31T12:00:00", "2026-13-31T12:00:00Z", "x"]
    }
    for (const [format, texts] of Object.entries(times)) {
      const options = optionsOf(
        { signed: "{timestamp}.{body}" },
        { timestamp: { header: "x-time", format } }
      )
      for (const time of texts) {
        const signature = mac(secrets[0] ?? "", `${time}.${body}`)
        assert.match(
          verdict(options, { "x-time": time, "x-signature": signature }) ?? `taken ${time}`,
          /^timestamp_invalid: x-time must be /
        )
      }
    }
  })
})

describe("a secret", () => {
  it("that is not in its encoding is refused in words that do not hold it", () => {
    for (const [secret, encoding] of [
      ["something else", "hex"],
      ["0123456789abcdef0", "hex"],
      ["some*thing*else", "base64"],
      ["c2VjcmV0cw", "base64"]
    ] as const) {
      const key = hmacKey(secret, encoding)
      assert.isTrue(Result.isFailure(key))
      const words = Result.isFailure(key) ? key.failure : ""
      assert.match(words, /^is not (hex|base64).*signature\.secret_encoding/)
      assert.notInclude(words, secret.slice(0, 6))
    }
  })
})
