/**
 * What a provider signs, as `signature.signed` writes it: `{timestamp}.{body}`.
 *
 *     {body}          the raw bytes of the body; exactly once
 *     {timestamp}     the header that `timestamp` names, as it stands there
 *     {id}            the header that `message_id` names
 *     {header:NAME}   any other header
 *
 * All else stands for itself.
 */
import { Result } from "effect"

export type SignedPart =
  | { readonly _tag: "Text"; readonly text: string }
  | { readonly _tag: "Body" }
  | { readonly _tag: "Timestamp" }
  | { readonly _tag: "Id" }
  /** In lower case. */
  | { readonly _tag: "Header"; readonly name: string }

export const headerPattern = /^[a-zA-Z0-9!#$%&'*+.^_`|~-]{1,64}$/

const placeholders = "{body}, {timestamp}, {id} and {header:NAME}"

export const parseTemplate = (text: string): Result.Result<ReadonlyArray<SignedPart>, string> => {
  const parts: Array<SignedPart> = []
  for (const [token] of text.matchAll(/\{[^{}]*\}|[^{}]+|[{}]/g)) {
    const part = partOf(token)
    if (part === undefined) {
      return Result.fail(
        `has a { or } that is not of a placeholder: there are ${placeholders}, with the name of a header for NAME`
      )
    }
    parts.push(part)
  }
  return parts.filter(({ _tag }) => _tag === "Body").length === 1
    ? Result.succeed(parts)
    : Result.fail(
        "must have {body} exactly once: a signature that leaves out the body proves nothing of it"
      )
}

const partOf = (token: string): SignedPart | undefined => {
  if (!/[{}]/.test(token)) return { _tag: "Text", text: token }
  if (token === "{body}") return { _tag: "Body" }
  if (token === "{timestamp}") return { _tag: "Timestamp" }
  if (token === "{id}") return { _tag: "Id" }
  const name = /^\{header:(.*)\}$/.exec(token)?.[1]
  return name !== undefined && headerPattern.test(name)
    ? { _tag: "Header", name: name.toLowerCase() }
    : undefined
}
