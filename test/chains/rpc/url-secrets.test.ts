import { assert, describe, it } from "@effect/vitest"
import { Redacted } from "effect"
import { basicCredentials, redactor } from "../../../src/chains/rpc/url-secrets.ts"

describe("what an endpoint says", () => {
  const cases: ReadonlyArray<readonly [what: string, url: string, said: string, shown: string]> = [
    ["the path", "https://x.example/v2/abcdef123", "no key abcdef123", "no key <redacted>"],
    ["another case", "https://x.example/v2/AbCdEf123", "no key ABCDEF123", "no key <redacted>"],
    ["the URL", "https://x.example/v2/abcdef123", "/v2/abcdef123?", "/v2/<redacted>?"],
    ["the query", "https://x.example/?key=zyx987654", "bad zyx987654", "bad <redacted>"],
    [
      "an encoded query",
      "https://x.example/?k=a%2Bb%2Fcd",
      "a+b/cd, a%2bb%2fcd",
      "<redacted>, <redacted>"
    ],
    ["a short password", "https://u5r:pw@x.example", "pw of u5r", "<redacted> of <redacted>"],
    ["an encoded password", "https://a:p%40ss@x.example", "p@ss p%40ss", "<redacted> <redacted>"],
    ["the header", "https://ab:cd@x.example", "Basic YWI6Y2Q=", "Basic <redacted>"],
    ["a key of regular expressions", "https://x.example/(.*)+$$", "(.*)+$$ a.b", "<redacted> a.b"],
    ["a key within a key", "https://x.example/secret/secret99", "secret99", "<redacted>"],
    ["nothing secret", "https://x.example/v2/main", "v2 on main is down", "v2 on main is down"]
  ]
  it.each(cases)("loses the secrets of its URL: %s", (_, url, said, shown) => {
    assert.strictEqual(redactor(new URL(url))(said), shown)
  })

  const headers: ReadonlyArray<
    readonly [what: string, value: string, said: string, shown: string]
  > = [
    ["a key", "k3y-0f-mine", "bad key K3Y-0F-MINE", "bad key <redacted>"],
    ["a token", "Bearer t0k3n.of.mine", "bad token t0k3n.of.mine", "bad token <redacted>"],
    ["a whole header", "Bearer t0k3n.of.mine", "bad Bearer t0k3n.of.mine", "bad <redacted>"],
    ["a scheme alone", "Bearer t0k3n.of.mine", "no Bearer token", "no Bearer token"],
    ["a short word", "web", "not for the web", "not for the web"]
  ]
  it.each(headers)("loses the secrets of its headers: %s", (_, value, said, shown) => {
    const redact = redactor(
      new URL("https://x.example/v2/main"),
      new Map([["x-api-key", Redacted.make(value)]])
    )
    assert.strictEqual(redact(said), shown)
  })

  it("is cut to a length that fits a log line", () => {
    const redact = redactor(new URL("https://x.example/abcdef123"))
    assert.strictEqual(redact("x".repeat(10_000)).length, 200)
    const atTheCut = redact(`${"x".repeat(195)}abcdef123`)
    assert.notInclude(atTheCut, "abcde", "a key at the cut is redacted before the cut")
  })
})

describe("the credentials of a URL", () => {
  it("are those of its user, decoded", () => {
    assert.strictEqual(basicCredentials(new URL("https://a:p%40ss@x.example")), btoa("a:p@ss"))
    assert.strictEqual(basicCredentials(new URL("https://token@x.example")), btoa("token:"))
    assert.isUndefined(basicCredentials(new URL("https://x.example")))
  })
})
