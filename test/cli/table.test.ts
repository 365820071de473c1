/** How text is laid out on a terminal. */
import { assert, describe, it } from "@effect/vitest"
import { type Column, indented, type Screen, table } from "../../src/cli/run/table.ts"

interface Row {
  readonly amount: string
  readonly hash: string
}

describe("tables on a terminal", () => {
  const columns: ReadonlyArray<Column<Row>> = [
    { title: "AMOUNT", text: ({ amount }) => amount, shrinksTo: 6 },
    { title: "HASH", text: ({ hash }) => hash, shrinksTo: 9, cut: "middle" },
    { title: "END", text: () => "x", color: () => "red" }
  ]
  const rows: ReadonlyArray<Row> = [{ amount: "1.23456789", hash: "0x0123456789abcdef" }]
  const screen = (width: number): Screen => ({ columns: width, paint: (text) => text })

  it("are as wide as they need to be where there is room", () => {
    assert.strictEqual(
      table(columns, rows, screen(Number.POSITIVE_INFINITY)),
      "AMOUNT      HASH                END\n1.23456789  0x0123456789abcdef  x"
    )
  })

  it("cut what may be cut, the last column first, and mark it", () => {
    assert.strictEqual(
      table(columns, rows, screen(29)),
      "AMOUNT      HASH          END\n1.23456789  0x0123…bcdef  x"
    )
    assert.strictEqual(
      table(columns, rows, screen(10)),
      "AMOUNT  HASH       END\n1.234…  0x01…cdef  x"
    )
  })

  it("are coloured without their alignment counting the colours", () => {
    const painted = table(columns, rows, {
      ...screen(80),
      paint: (text, color) => `${color}<${text}>`
    })
    assert.strictEqual(
      painted.split("\n")[1],
      "undefined<1.23456789>  undefined<0x0123456789abcdef>  red<x>"
    )
  })

  it("break text at spaces, right of its indent", () => {
    assert.strictEqual(indented(2, "one two three", screen(9)), "  one two\n  three")
    assert.strictEqual(indented(2, "unbreakable", screen(5)), "  unbreakable")
  })
})
