/** From the raw bytes of a verified body to JSON. */
import { Result, type Schema } from "effect"

/** Deeper than any provider nests, and shallow enough for every recursion over it. */
const maxDepth = 64

const utf8 = new TextDecoder("utf-8", { fatal: true })

/** The JSON that the bytes hold, or in words why they hold none. */
export const parseJsonBody = (bytes: Uint8Array): Result.Result<Schema.Json, string> => {
  if (bytes.length === 0) return Result.fail("the body is empty: send a JSON object")
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch {
    return Result.fail("the body is not valid UTF-8")
  }
  let json: Schema.Json
  try {
    json = JSON.parse(text)
  } catch {
    return Result.fail("the body is not valid JSON")
  }
  return isDeeperThan(json, maxDepth)
    ? Result.fail(`the body is nested deeper than ${maxDepth} levels`)
    : Result.succeed(json)
}

const isDeeperThan = (json: Schema.Json, levels: number): boolean => {
  if (json === null || typeof json !== "object") return false
  if (levels === 0) return true
  return Object.values(json).some((member) => isDeeperThan(member, levels - 1))
}
