/**
 * Any provider that signs with HMAC and sends JSON, described wholly in surehook.yaml:
 *
 *     sources:
 *       acme-pay:
 *         environment: production
 *         provider: hmac
 *         secrets: ["${ACME_PAY_SECRET}"]       # 16 characters at least; all are active
 *         networks: { mainnet: ethereum }       # the provider's name of a network: our chain
 *         signature:
 *           header: x-signature
 *           algorithm: sha256                   # sha256, sha512 or sha1
 *           encoding: hex                       # hex or base64 (either alphabet)
 *           prefix: "sha256="                   # stands before it in the header; optional
 *           separator: ","                      # if the header holds several parts; optional
 *           signed: "{id}.{timestamp}.{body}"   # what is signed (see hmac-template.ts); else {body}
 *           secret_encoding: utf8               # utf8 (if it is left out), hex or base64
 *         timestamp:                            # against replays; optional, and must be signed
 *           header: x-timestamp
 *           format: seconds                     # seconds, milliseconds or iso8601
 *           tolerance: 5m                       # 1s to 1h, either way; else 5m
 *                                               # also prefix and separator, as above
 *         message_id: { header: x-id }          # or { pointer: /id }; optional, and must be signed
 *         event:                                # optional, if calls tell of other things too
 *           pointer: /type
 *           deposits: [deposit.seen, deposit.confirmed]
 *           test: [ping]                        # optional; any other event is ignored
 *         fields:
 *           items: /data/transfers              # a list of transfers; optional
 *           network: /network                   # or { value: mainnet }
 *           tx_hash: ./hash                     # ./ from the item, / from the body's root
 *           token: ./contract                   # or { pointer: ./contract, native: ["", null] }
 *                                               # or { value: "0x…" }, or { value: native }
 *           amount: ./amount
 *           amount_unit: units                  # units (wei, lamports) or tokens ("1.5")
 *           to_address: ./to
 *           from_address: ./from                # optional, as all that follows
 *           transfer_index: ./log_index         # on EVM that of the log in its block
 *           status:
 *             pointer: ./status
 *             confirmed: [confirmed, final]     # what stands in no list is a first word
 *             removed: [orphaned]               # by a reorganisation
 *             dropped: [replaced]               # never mined
 *             failed: [reverted]                # makes no job
 *
 * Pointers are JSON Pointers: https://www.rfc-editor.org/rfc/rfc6901 . A token is its contract or
 * mint, or the word `native`, unless `native` lists other words; null there also means a missing
 * field. Units are digits, 0x and hex digits, or a number up to 2^53, above which a JSON number has
 * lost digits before anybody sees it; tokens are always a string. Stripe's way of signing, for
 * example, is `prefix: "v1=", separator: ","` beside a timestamp with `prefix: "t=", separator: ","`.
 */
import { Effect, Option, Redacted, Result, Schema } from "effect"
import { plainSecret } from "../../config/source-rules.ts"
import { failIf } from "../problem.ts"
import type { Provider, Receiver } from "../provider.ts"
import { hmacDecoder } from "./hmac-body.ts"
import { HmacOptions } from "./hmac-options.ts"
import { headerId, hmacKey, hmacVerifier } from "./hmac-signature.ts"

const minSecretLength = 16

const longEnough = plainSecret(minSecretLength)
const readOptions = Schema.decodeUnknownOption(HmacOptions)

/** How it is written stands in the options, whose own faults are told by themselves. */
const secret: Provider["secret"] = (text, source) =>
  Result.flatMap(longEnough(text), (long) => {
    const encoding = readOptions(source).pipe(
      Option.flatMapNullishOr(({ signature }) => signature.secret_encoding),
      Option.getOrElse(() => "utf8" as const)
    )
    return Result.map(hmacKey(long, encoding), () => long)
  })

export const hmac: Provider = {
  secret,
  namesNetworks: true,
  options: HmacOptions,
  receiver: ({ id, networks, options, secrets }, chains) =>
    Effect.gen(function* () {
      const described = yield* Schema.decodeUnknownEffect(HmacOptions)(options)
      const encoding = described.signature.secret_encoding ?? "utf8"
      const keys = yield* Effect.forEach(secrets, (secret, index) =>
        Effect.mapError(
          Effect.fromResult(hmacKey(Redacted.value(secret), encoding)),
          (fault) => new Error(`secrets[${index}] of the source ${id} ${fault}`)
        )
      )
      const faultOf = hmacVerifier(described, keys)
      const decode = hmacDecoder(described, networks, chains)
      const receiver: Receiver = {
        verify: (webhook) => failIf(faultOf(webhook)),
        decode: (body, webhook) => decode(body, headerId(described, webhook))
      }
      return receiver
    }).pipe(Effect.orDie)
}
