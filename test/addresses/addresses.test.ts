/** Registered addresses in the database: all or none, each to one account, and each tenant's own. */
import { PgClient } from "@effect/sql-pg"
import { assert, layer } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { Addresses, type AddressKey, maxRegistrations } from "../../src/addresses/addresses.ts"
import type { Registration } from "../../src/addresses/registration.ts"
import { acme, addressesLayer, evmAddress, globex, registration } from "./registrations.ts"

/** Each test has accounts and addresses of its own. */
let used = 0
const fresh = (count: number, fields: Parameters<typeof registration>[0] = {}) =>
  Array.from({ length: count }, () => {
    used += 1
    return registration({
      address: evmAddress(used),
      account_reference: `customer-${used}`,
      ...fields
    })
  })

const register = (registrations: ReadonlyArray<Registration>, by = "test:one") =>
  Effect.flatMap(Addresses, (addresses) => addresses.register(registrations, by))

const conflictOf = (registrations: ReadonlyArray<Registration>) =>
  Effect.map(Effect.flip(register(registrations)), (error) =>
    error._tag === "AddressConflict" ? error : assert.fail(error.message)
  )

const accountsOf = (registrations: ReadonlyArray<Registration>) =>
  Effect.map(
    Effect.flatMap(Addresses, (addresses) => addresses.lookup(registrations)),
    (infos) => infos.map(({ account_reference }) => account_reference)
  )

layer(addressesLayer)("registered addresses", (it) => {
  it.effect("are registered a thousand at once, with who did it", () =>
    Effect.gen(function* () {
      const many = fresh(maxRegistrations)
      const { addresses, registered } = yield* register(many, "cli:ann")
      assert.strictEqual(registered, many.length)
      assert.deepStrictEqual(
        addresses,
        many.map((one) => ({
          ...one,
          registered_by: "cli:ann",
          registered_at: "1970-01-01T00:00:00.000Z"
        }))
      )
      assert.deepStrictEqual(
        yield* accountsOf(many),
        many.map(({ account_reference }) => account_reference)
      )
    })
  )

  it.effect("stay as they are when they are registered for the same account again", () =>
    Effect.gen(function* () {
      const [one, two, three] = fresh(3)
      if (one === undefined || two === undefined || three === undefined) return assert.fail()
      yield* register([one, two], "cli:ann")
      const again = yield* register([two, three, one, three], "cli:bob")
      assert.strictEqual(again.registered, 1)
      assert.deepStrictEqual(
        again.addresses.map(({ address, registered_by }) => [address, registered_by]),
        [
          [two.address, "cli:ann"],
          [three.address, "cli:bob"],
          [one.address, "cli:ann"],
          [three.address, "cli:bob"]
        ]
      )
    })
  )

  it.effect(
    "cannot be taken from their account, and the whole batch is refused that tries it",
    () =>
      Effect.gen(function* () {
        const [mine, other, third] = fresh(3)
        if (mine === undefined || other === undefined || third === undefined) return assert.fail()
        yield* register([mine, third])
        const thief = registration({ address: mine.address, account_reference: "thief" })
        const { conflicts, message } = yield* conflictOf([other, thief, third])
        assert.deepStrictEqual(conflicts, [
          {
            index: 1,
            chain: "evm",
            address: mine.address,
            wanted: "thief",
            account_reference: mine.account_reference,
            registered_by: "test:one"
          }
        ])
        assert.match(message, new RegExp(`${mine.address} on evm is the address of`))
        assert.deepStrictEqual(yield* accountsOf([mine, other]), [mine.account_reference, null])
      })
  )

  it.effect("cannot have two accounts in one batch", () =>
    Effect.gen(function* () {
      const [one] = fresh(1)
      if (one === undefined) return assert.fail()
      const twin = registration({ address: one.address, account_reference: "twin" })
      const { conflicts } = yield* conflictOf([one, twin])
      assert.deepStrictEqual(
        conflicts.map(({ index, account_reference }) => [index, account_reference]),
        [[1, one.account_reference]]
      )
      assert.deepStrictEqual(yield* accountsOf([one]), [null])
    })
  )

  it.effect("get one account when several are claimed at the same moment", () =>
    Effect.gen(function* () {
      const batch = fresh(50)
      const rivals = Array.from({ length: 8 }, (_, n) =>
        batch.map(({ address }) => registration({ address, account_reference: `rival-${n}` }))
      )
      const results = yield* Effect.forEach(rivals, (rival) => Effect.result(register(rival)), {
        concurrency: "unbounded"
      })
      for (const result of results) {
        if (result._tag === "Failure") assert.strictEqual(result.failure._tag, "AddressConflict")
      }
      const won = results.flatMap((result, n) => (result._tag === "Success" ? [n] : []))
      assert.strictEqual(won.length, 1)
      assert.deepStrictEqual(new Set(yield* accountsOf(batch)), new Set([`rival-${won[0]}`]))
    })
  )

  it.effect("do not deadlock when two batches hold them in opposite orders", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const [first, middle, last] = fresh(3)
      if (first === undefined || middle === undefined || last === undefined) return assert.fail()
      const waiting = sql<{ count: number }>`
        SELECT count(*)::int FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'`.pipe(
        Effect.map(([row]) => row?.count ?? 0)
      )
      const isHeld = yield* Deferred.make<void>()
      const letGo = yield* Deferred.make<void>()
      yield* register([middle]).pipe(
        Effect.andThen(Deferred.succeed(isHeld, undefined)),
        Effect.andThen(Deferred.await(letGo)),
        Effect.andThen(Effect.fail("undone")),
        sql.withTransaction,
        Effect.exit,
        Effect.forkChild
      )
      yield* Deferred.await(isHeld)
      const rivals = yield* Effect.forEach(
        [
          [first, middle, last],
          [last, middle, first]
        ],
        (batch) => Effect.forkChild(register(batch))
      )
      // Without one order, each has what the other wants next.
      yield* Effect.repeat(waiting, { until: (count) => count === 2 })
      yield* Deferred.succeed(letGo, undefined)
      const registered = yield* Effect.forEach(rivals, Fiber.join)
      assert.strictEqual(
        registered.reduce((sum, result) => sum + result.registered, 0),
        3
      )
    })
  )

  it.effect("are part of the transaction around them", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const batch = fresh(2)
      yield* register(batch).pipe(
        Effect.andThen(Effect.fail("the end of the file was wrong")),
        sql.withTransaction,
        Effect.flip
      )
      assert.deepStrictEqual(yield* accountsOf(batch), [null, null])
    })
  )

  it.effect("are each tenant's own: another's are unknown to it", () =>
    Effect.gen(function* () {
      const [ours] = fresh(1)
      if (ours === undefined) return assert.fail()
      yield* register([ours])
      const theirs = { ...ours, tenant_id: globex }
      const addresses = yield* Addresses
      assert.deepStrictEqual(yield* addresses.lookup([theirs, ours, theirs]), [
        { account_reference: null, tenant_registers: false },
        { account_reference: ours.account_reference, tenant_registers: true },
        { account_reference: null, tenant_registers: false }
      ])
      yield* register([registration({ ...theirs, account_reference: "theirs" })])
      const [unknown] = fresh(1, { tenant_id: globex })
      if (unknown === undefined) return assert.fail()
      assert.deepStrictEqual(
        yield* addresses.lookup([theirs, unknown, { ...unknown, tenant_id: acme }]),
        [
          { account_reference: "theirs", tenant_registers: true },
          { account_reference: null, tenant_registers: true },
          { account_reference: null, tenant_registers: true }
        ]
      )
      assert.deepStrictEqual(yield* addresses.lookup([]), [])
    })
  )

  it.effect("are listed page by page, each once and in order, filtered", () =>
    Effect.gen(function* () {
      const account_reference = "one of many addresses"
      const ofAcme = fresh(7, { account_reference })
      const ofGlobex = fresh(2, { account_reference, tenant_id: globex })
      const ofAptos = fresh(2, { account_reference, chain: "aptos" })
      yield* register([...ofGlobex, ...ofAcme.toReversed(), ...ofAptos])
      const addresses = yield* Addresses
      const pages: Array<number> = []
      const seen: Array<AddressKey> = []
      for (let after: AddressKey | undefined; ; ) {
        const page = yield* addresses.list({ account_reference, after, limit: 2 })
        pages.push(page.length)
        seen.push(...page)
        after = page.at(-1)
        if (page.length < 2) break
      }
      assert.deepStrictEqual(pages, [2, 2, 2, 2, 2, 1])
      assert.deepStrictEqual(
        seen.map(({ tenant_id, chain, address }) => [tenant_id, chain, address]),
        [...ofAptos, ...ofAcme, ...ofGlobex].map(({ tenant_id, chain, address }) => [
          tenant_id,
          chain,
          address
        ])
      )
      const listed = (filter: Partial<Parameters<typeof addresses.list>[0]>) =>
        Effect.map(
          addresses.list({ account_reference, limit: 100, ...filter }),
          (found) => found.length
        )
      assert.strictEqual(yield* listed({ tenants: ["globex"] }), 2)
      assert.strictEqual(yield* listed({ tenants: ["globex", "acme"], chain: "evm" }), 9)
      assert.strictEqual(yield* listed({ tenants: [] }), 0)
      assert.strictEqual(yield* listed({ account_reference: "nobody" }), 0)
    })
  )
})
