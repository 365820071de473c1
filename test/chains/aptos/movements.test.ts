import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import type { Event } from "../../../src/chains/aptos/answers.ts"
import { type Holdings, handleKey } from "../../../src/chains/aptos/holdings.ts"
import { movementsOf } from "../../../src/chains/aptos/movements.ts"
import { canonicalTag } from "../../../src/chains/aptos/struct-tag.ts"
import { Address } from "../../../src/domain/chain.ts"

const owner = Address.make(`0x${"d".repeat(64)}`)
const zero = Address.make(`0x${"0".repeat(64)}`)
const coins = ["0xa1::a::A", "0xb2::b::B"] as const
/** Where the owner has the handle of each coin's deposits. */
const handleOf = { "0xa1::a::A": 2n, "0xb2::b::B": 4n } as const

const byModule = (coin: string, units: bigint): Event => ({
  guid: { creation_number: 0n, account_address: zero },
  type: "0x1::coin::CoinDeposit",
  data: { coin_type: coin, account: owner, amount: units.toString() }
})
const byHandle = (coin: keyof typeof handleOf, units: bigint): Event => ({
  guid: { creation_number: handleOf[coin], account_address: owner },
  type: "0x1::coin::DepositEvent",
  data: { amount: units.toString() }
})

const holdings = (known: ReadonlyArray<keyof typeof handleOf>): Holdings => ({
  stores: new Map(),
  handles: new Map(
    known.map((coin) => [
      handleKey(owner, handleOf[coin]),
      { owner, coin: canonicalTag(coin) ?? "" }
    ])
  )
})

const read = (events: ReadonlyArray<Event>, known: ReadonlyArray<keyof typeof handleOf> = coins) =>
  movementsOf({ events }, holdings(known)) ?? []

const deposit = fc.record({
  coin: fc.constantFrom(...coins),
  units: fc.bigInt({ min: 1n, max: 2n })
})

describe("what a transaction moved", () => {
  it("is counted once, however its events tell of it and however they are mixed", () => {
    fc.assert(
      fc.property(
        fc.array(deposit, { maxLength: 6 }),
        fc.constantFrom("modules", "handles", "both"),
        fc.infiniteStream(fc.nat()),
        (deposits, tells, chance) => {
          const events = deposits.flatMap(({ coin, units }) => [
            ...(tells === "handles" ? [] : [byModule(coin, units)]),
            ...(tells === "modules" ? [] : [byHandle(coin, units)])
          ])
          const mixed = events
            .map((event) => ({ event, place: chance.next().value ?? 0 }))
            .toSorted((a, b) => a.place - b.place)
            .map(({ event }) => event)
          const told = read(mixed).map(({ asset, units }) => `${asset} ${units}`)
          const meant = deposits.map(({ coin, units }) => `${canonicalTag(coin)} ${units}`)
          assert.deepStrictEqual(told.toSorted(), meant.toSorted())
        }
      )
    )
  })

  it("is of every event one movement's, and of none two", () => {
    const events = [
      byHandle("0xa1::a::A", 1n),
      byModule("0xa1::a::A", 1n),
      byModule("0xb2::b::B", 1n)
    ]
    assert.deepStrictEqual(
      read(events).map((movement) => movement.events),
      [[0, 1], [2]]
    )
  })

  it("is not one where the events tell of different amounts or coins", () => {
    for (const other of [byHandle("0xa1::a::A", 2n), byHandle("0xb2::b::B", 1n)]) {
      assert.strictEqual(read([byModule("0xa1::a::A", 1n), other]).length, 2)
    }
  })

  it("gives its twin to the handle that is known to be of its coin", () => {
    const events = [
      byModule("0xa1::a::A", 1n),
      byModule("0xb2::b::B", 1n),
      byHandle("0xb2::b::B", 1n),
      byHandle("0xa1::a::A", 1n)
    ]
    // Of the second coin no change shows whose handle it is.
    assert.deepStrictEqual(
      read(events, ["0xa1::a::A"]).map((movement) => movement.events),
      [
        [0, 3],
        [1, 2]
      ]
    )
  })

  it("is not read from events of other modules with the same names", () => {
    const forged = byModule("0xa1::a::A", 1n)
    assert.deepStrictEqual(read([{ ...forged, type: "0xbad::coin::CoinDeposit" }]), [])
    assert.deepStrictEqual(read([{ ...forged, type: "0x1::coins::CoinDeposit" }]), [])
  })
})
