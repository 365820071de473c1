import { assert, describe, it } from "@effect/vitest"
import { Redacted } from "effect"
import { orderOf } from "../../../src/chains/rpc/order.ts"

const url = Redacted.make("https://x.example")

describe("the endpoints of a chain are asked", () => {
  const cases: ReadonlyArray<
    readonly [
      how: string,
      endpoints: ReadonlyArray<{ readonly priority?: number; readonly region?: string }>,
      region: string | undefined,
      order: ReadonlyArray<number>
    ]
  > = [
    ["as they stand in the file", [{}, {}, {}], undefined, [0, 1, 2]],
    ["the highest priority first", [{ priority: 1 }, { priority: 9 }, {}], undefined, [1, 0, 2]],
    ["with 0 where no priority is set", [{ priority: -1 }, {}], undefined, [1, 0]],
    ["the own region first", [{ region: "us" }, { region: "eu" }, {}], "eu", [1, 0, 2]],
    [
      "by priority before region",
      [{ region: "eu" }, { region: "us", priority: 1 }, { region: "eu", priority: 1 }],
      "eu",
      [2, 1, 0]
    ],
    ["without regard to regions where none is ours", [{}, { region: "eu" }], undefined, [0, 1]]
  ]
  it.each(cases)("%s", (_, endpoints, region, order) => {
    const configs = endpoints.map((endpoint) => ({ url, ...endpoint }))
    assert.deepStrictEqual(orderOf(configs, region), order)
  })
})
