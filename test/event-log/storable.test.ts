/** Values that Postgres would refuse, and their batch with them. */
import { PgClient } from "@effect/sql-pg"
import { assert, layer } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { canonicalJson } from "../../src/event-log/canonical-json.ts"
import { storable } from "../../src/event-log/storable.ts"
import { TestDatabase } from "../support/postgres.ts"
import { Members, Text } from "./json-values.ts"

const nested = (depth: number): unknown => JSON.parse("[".repeat(depth) + "]".repeat(depth))

const Value = Schema.Struct({
  text: Text,
  members: Members,
  depth: Schema.Literals([1, 10, 63, 64, 1_000, 100_000])
})

layer(TestDatabase.layer)("a storable value", (it) => {
  it.effect.prop(
    "goes through Postgres, comes back as it went in, and has a canonical form",
    [Value],
    ([{ depth, ...rest }]) =>
      Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        const value = storable({ ...rest, nested: nested(depth) })
        const rows = yield* sql<{ value: Schema.Json; text: string }>`
          SELECT * FROM unnest(${[JSON.stringify(value)]}::jsonb[], ${[value.text]}::text[])
            AS stored (value, text)`
        const json = JSON.parse(JSON.stringify(value))
        assert.deepStrictEqual(rows, [{ value: json, text: value.text }])
        assert.strictEqual(canonicalJson(rows[0]?.value ?? null), canonicalJson(json))
      }),
    { arbitrary: { runs: 150 } }
  )

  it("is the very same value if there is nothing to mend", () => {
    const value = { error: "not found 😀", evidence: { a: [1, null, true, { b: "" }] } }
    assert.strictEqual(storable(value), value)
  })

  it("shows where something was replaced", () => {
    const evil = JSON.parse('{"a\\u0000":["x\\ud800y",{"__proto__":"\\u0000"}]}')
    assert.strictEqual(
      JSON.stringify(storable(evil)),
      '{"a\ufffd":["x\ufffdy",{"__proto__":"\ufffd"}]}'
    )
    assert.deepStrictEqual(storable([Number.NaN, Number.NEGATIVE_INFINITY, -1]), [null, null, -1])
    assert.include(JSON.stringify(storable(nested(65))), '"(nested too deep)"')
    assert.deepStrictEqual(storable(nested(64)), nested(64))
  })
})
