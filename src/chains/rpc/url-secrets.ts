/** What of an endpoint is secret: providers put the key into the path, the query, the user info or a header. */
import { Buffer } from "node:buffer"
import { Redacted } from "effect"
import type { RpcEndpointConfig } from "../../config/chain-config.ts"
import { headerSecrets } from "../../config/header-secrets.ts"

/** What a foreign text may add to a message of ours. */
const maxForeignCharacters = 200

/** Parts of path and query this short are words such as "v2" or "main", not keys. */
const minSecretCharacters = 6

/** A function that makes an endpoint's own words fit to be logged: some repeat the key in their errors. */
export const redactor = (
  url: URL,
  headers: RpcEndpointConfig["headers"] = new Map()
): ((text: string) => string) => {
  const longParts = [
    ...url.pathname.split("/"),
    ...url.searchParams.values(),
    ...url.search.slice(1).split(/[&=]/),
    ...[...headers.values()].flatMap((value) => headerSecrets(Redacted.value(value)))
  ].filter((part) => part.length >= minSecretCharacters)
  const secrets = [url.username, url.password, basicCredentials(url) ?? "", ...longParts]
    .flatMap((part) => [part, percentDecoded(part)])
    .filter((part) => part !== "")
    // The longest first, or the rest of it would stay.
    .toSorted((a, b) => b.length - a.length)
    .map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"))
  const anySecret = secrets.length === 0 ? undefined : new RegExp(secrets.join("|"), "gi")
  return (text) =>
    (anySecret === undefined ? text : text.replace(anySecret, "<redacted>")).slice(
      0,
      maxForeignCharacters
    )
}

/** The value of an `Authorization: Basic` header, where the URL holds a user. */
export const basicCredentials = (url: URL): string | undefined =>
  url.username === "" && url.password === ""
    ? undefined
    : Buffer.from(`${percentDecoded(url.username)}:${percentDecoded(url.password)}`).toString(
        "base64"
      )

const percentDecoded = (part: string): string => {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
