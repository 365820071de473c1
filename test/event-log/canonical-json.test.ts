/** Canonical JSON: RFC 8785's own examples, and agreement with another implementation. */
import { assert, describe, it } from "@effect/vitest"
import canonicalize from "canonicalize"
import { Schema } from "effect"
import { canonicalJson, NotCanonical } from "../../src/event-log/canonical-json.ts"
import { storable } from "../../src/event-log/storable.ts"
import { Members } from "./json-values.ts"

describe("canonical JSON", () => {
  it("writes the example of RFC 8785, section 3.2.2, as section 3.2.3 has it", () => {
    const example = JSON.parse(`{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\"\\/",
      "literals": [null, true, false]
    }`)
    assert.strictEqual(
      canonicalJson(example),
      '{"literals":[null,true,false],' +
        '"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
        `"string":"€$\\u000f\\nA'B\\"\\\\\\\\\\"/"}`
    )
  })

  it("sorts members by UTF-16 code units, as the example of section 3.2.3 does", () => {
    const text = canonicalJson({
      "\u20ac": "Euro Sign",
      "\r": "Carriage Return",
      "\ufb33": "Hebrew Letter Dalet With Dagesh",
      "1": "One",
      "\ud83d\ude00": "Emoji: Grinning Face",
      "\u0080": "Control",
      "\u00f6": "Latin Small Letter O With Diaeresis"
    })
    assert.deepStrictEqual(
      text.match(/:"([^"]+)/g)?.map((value) => value.slice(2)),
      [
        "Carriage Return",
        "One",
        "Control",
        "Latin Small Letter O With Diaeresis",
        "Euro Sign",
        "Emoji: Grinning Face",
        "Hebrew Letter Dalet With Dagesh"
      ]
    )
  })

  it("writes the numbers of appendix B", () => {
    const samples: ReadonlyArray<readonly [bits: string, text: string]> = [
      ["0000000000000000", "0"],
      ["8000000000000000", "0"],
      ["0000000000000001", "5e-324"],
      ["8000000000000001", "-5e-324"],
      ["7fefffffffffffff", "1.7976931348623157e+308"],
      ["4340000000000000", "9007199254740992"],
      ["4430000000000000", "295147905179352830000"],
      ["44b52d02c7e14af5", "9.999999999999997e+22"],
      ["44b52d02c7e14af6", "1e+23"],
      ["444b1ae4d6e2ef4e", "999999999999999700000"],
      ["444b1ae4d6e2ef50", "1e+21"],
      ["3eb0c6f7a0b5ed8c", "9.999999999999997e-7"],
      ["3eb0c6f7a0b5ed8d", "0.000001"],
      ["41b3de4355555556", "333333333.3333334"],
      ["becbf647612f3696", "-0.0000033333333333333333"],
      ["43143ff3c1cb0959", "1424953923781206.2"]
    ]
    for (const [bits, text] of samples) {
      assert.strictEqual(canonicalJson(Buffer.from(bits, "hex").readDoubleBE()), text)
    }
  })

  it("refuses what is not JSON", () => {
    const lone = JSON.parse('"\\ud800"')
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, lone, { [lone]: 1 }, [[lone]]]) {
      assert.throws(() => canonicalJson(value), NotCanonical)
    }
    const missing = JSON.parse('{"a":1}', () => undefined)
    assert.throws(() => canonicalJson(missing), NotCanonical)
  })

  it.prop(
    "agrees with the canonicalize package",
    { value: Schema.Json, members: Members },
    ({ value, members }) => {
      const json = storable(JSON.parse(JSON.stringify([value, members])))
      assert.strictEqual(canonicalJson(json), canonicalize(json))
    },
    { arbitrary: { runs: 300 } }
  )

  it.prop(
    "is one text for equal values, whatever the order of their members",
    [Members],
    ([value]) => {
      const json = storable(JSON.parse(JSON.stringify(value)))
      const reordered = Object.fromEntries(Object.entries(json).reverse())
      assert.strictEqual(canonicalJson(JSON.parse(JSON.stringify(reordered))), canonicalJson(json))
      assert.deepStrictEqual(JSON.parse(canonicalJson(json)), json)
    }
  )
})
