/** `surehook addresses` with the arguments of a user, on a real database. */
import { writeFileSync } from "node:fs"
import { userInfo } from "node:os"
import { join } from "node:path"
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer, Redacted, Schema } from "effect"
import { addresses } from "../../src/cli/addresses.ts"
import { evmAddress } from "../addresses/registrations.ts"
import { emptyFolder, surehook } from "../support/command.ts"
import { runInProcess } from "../support/in-process-command.ts"
import { TestDatabase } from "../support/postgres.ts"

const secret = (byte: number) => `whsec_${Buffer.alloc(32, byte).toString("base64")}`

const source = (name: string, byte: number) =>
  `{ ${name}: { environment: production, provider: standard, secrets: [${secret(byte)}] } }`

const yamlOf = (tenants: ReadonlyArray<string>) => `
tenants:
${tenants.map((tenant, n) => `  ${tenant}: { sources: ${source(`of-${tenant}`, n + 1)} }`).join("\n")}
chains:
  localchain:
    kind: evm
    chain_id: 31337
    rpc: [{ url: "http://127.0.0.1:9" }]
    confirmations: 1
    tokens: { ETH: native }
api:
  tokens: []
`

/** A folder with a config of one tenant and one of two, and a database. */
class Shop extends Context.Service<
  Shop,
  { readonly folder: string; readonly env: Readonly<Record<string, string>> }
>()("test/Shop") {
  static readonly layer = Layer.effect(
    Shop,
    Effect.gen(function* () {
      const { url } = yield* TestDatabase
      const folder = yield* emptyFolder
      writeFileSync(join(folder, "one.yaml"), yamlOf(["acme"]))
      writeFileSync(join(folder, "two.yaml"), yamlOf(["acme", "globex"]))
      return {
        folder,
        env: {
          DATABASE_URL: Redacted.value(url),
          SUREHOOK_CONFIG: join(folder, "one.yaml"),
          SUREHOOK_DATA_DIR: join(folder, "data")
        }
      }
    })
  ).pipe(Layer.provide(TestDatabase.layerUrl))
}

interface Options {
  readonly stdin?: string
  readonly config?: "one.yaml" | "two.yaml"
}

const run = (args: ReadonlyArray<string>, { config = "one.yaml", stdin = "" }: Options = {}) =>
  Effect.flatMap(Shop, ({ env, folder }) =>
    runInProcess(addresses, { ...env, SUREHOOK_CONFIG: join(folder, config) }, args, { stdin })
  )

const write = (name: string, content: string | Uint8Array) =>
  Effect.map(Shop, ({ folder }) => {
    const path = join(folder, name)
    writeFileSync(path, content)
    return path
  })

const decodeList = Schema.decodeUnknownSync(
  Schema.fromJsonString(
    Schema.Struct({
      addresses: Schema.Array(
        Schema.Struct({
          tenant_id: Schema.String,
          address: Schema.String,
          account_reference: Schema.String,
          registered_by: Schema.String
        })
      )
    })
  )
)

const listed = (...filter: ReadonlyArray<string>) =>
  Effect.map(run(["list", "--json", ...filter]), ({ stdout }) => decodeList(stdout).addresses)

/** Each test has addresses of its own. */
let used = 0
const fresh = () => {
  used += 1
  return evmAddress(used)
}

const csv = (...lines: ReadonlyArray<string>) =>
  ["chain,address,account_reference", ...lines, ""].join("\n")

layer(Shop.layer, { excludeTestServices: true })("surehook addresses", (it) => {
  it.effect("is a command that reads a pipe and a config beside it", () =>
    Effect.gen(function* () {
      const { env } = yield* Shop
      const stdin = csv(`localchain,${fresh()},piped`, `localchain,${fresh()},piped`)
      const ended = yield* surehook(["addresses", "import", "-"], { env, stdin })
      assert.deepStrictEqual(ended, {
        code: 0,
        stdout: "Registered 2 addresses.\n",
        stderr: ""
      })
    })
  )

  it.effect("registers an address, says so again the second time, and never gives it away", () =>
    Effect.gen(function* () {
      const address = fresh()
      const add = (account: string, written = address) =>
        run(["add", "--chain", "localchain", "--address", written, "--account", account])
      const first = yield* add("customer 1")
      assert.deepStrictEqual(first, {
        code: 0,
        stdout: `${address} on localchain is registered for customer 1 of acme.\n`,
        stderr: ""
      })
      const again = yield* add("customer 1", address.toUpperCase())
      assert.match(again.stdout, /was registered before for customer 1/)
      const stolen = yield* add("thief")
      assert.deepStrictEqual([stolen.code, stolen.stdout], [1, ""])
      assert.match(
        stolen.stderr,
        new RegExp(`^${address} on localchain is the address of customer 1`)
      )
      const [one, ...others] = yield* listed("--account", "customer 1")
      assert.deepStrictEqual(one, {
        tenant_id: "acme",
        address,
        account_reference: "customer 1",
        registered_by: `cli:${userInfo().username}`
      })
      assert.deepStrictEqual(others, [])
    })
  )

  it.effect("says of each wrong flag what it must be", () =>
    Effect.gen(function* () {
      const flags = ["--tenant", "acmee", "--chain", "mars", "--address", "0x1", "--account", " "]
      const { code, stderr, stdout } = yield* run(["add", ...flags])
      assert.deepStrictEqual([code, stdout], [1, ""])
      assert.match(
        stderr,
        /^--tenant is not a tenant .*acme\n--chain is not a chain .*localchain\n--account must be .*\n$/
      )
    })
  )

  it.effect("imports a file, as people and spreadsheets write them", () =>
    Effect.gen(function* () {
      const [a, b, c] = [fresh(), fresh(), fresh()]
      const lines = [
        "\ufeffAccount_Reference, chain ,address",
        `"Müller, Hans",localchain,${a.toUpperCase()}`,
        "",
        `customer-2 , localchain , ${b}`,
        `"say ""hi""",localchain,"${c}"`,
        `customer-2,localchain,${b}`
      ]
      const path = yield* write("people.csv", lines.join("\r\n"))
      const { code, stderr, stdout } = yield* run(["import", path])
      assert.strictEqual(stderr, "")
      assert.deepStrictEqual(
        [code, stdout],
        [0, "Registered 3 addresses; 1 of 4 were registered before.\n"]
      )
      const mine = [a, b, c]
      const found = (yield* listed("--limit", "1000")).filter(({ address }) =>
        mine.includes(address)
      )
      assert.deepStrictEqual(
        found.map(({ account_reference }) => account_reference),
        ["Müller, Hans", "customer-2", 'say "hi"']
      )
    })
  )

  it.effect("imports standard input of many thousand lines, all or none", () =>
    Effect.gen(function* () {
      const count = 5_000
      const first = 1_000_000
      const lines = Array.from(
        { length: count },
        (_, n) => `localchain,${evmAddress(first + n)},bulk`
      )
      const bad = yield* run(["import", "-"], { stdin: csv(...lines, "localchain,0x1,bulk") })
      assert.deepStrictEqual([bad.code, bad.stdout], [1, ""])
      assert.strictEqual(
        bad.stderr,
        `standard input has faults, and nothing was registered:\n  line ${count + 2}: address must be 0x and 40 hex digits\n`
      )
      assert.deepStrictEqual(yield* listed("--account", "bulk"), [])
      const good = yield* run(["import", "-"], { stdin: csv(...lines) })
      assert.strictEqual(good.stdout, `Registered ${count} addresses.\n`)
      const again = yield* run(["import", "-"], { stdin: csv(...lines) })
      assert.strictEqual(
        again.stdout,
        `Registered 0 addresses; ${count} of ${count} were registered before.\n`
      )
    })
  )

  it.effect("names the wrong lines of a file and how to mend them, and registers none of it", () =>
    Effect.gen(function* () {
      const [good, taken, twice] = [fresh(), fresh(), fresh()]
      yield* run(["import", "-"], { stdin: csv(`localchain,${taken},owner`) })
      const wrong = yield* run(["import", "-"], {
        stdin: csv(
          `localchain,${good},customer-3`,
          `mars,${good},`,
          `localchain,${good},"two\nlines"`,
          `localchain,${good}`
        )
      })
      assert.strictEqual(wrong.code, 1)
      assert.match(
        wrong.stderr,
        /nothing was registered:\n {2}line 3: chain is not .* localchain\n {2}line 3: account_reference must be .*\n {2}line 4: account_reference must be .*\n {2}line 6: has 2 columns, and the first line has 3\n$/
      )
      const conflicts = yield* run(["import", "-"], {
        stdin: csv(
          `localchain,${good},customer-3`,
          `localchain,${taken},thief`,
          `localchain,${twice},one`,
          `localchain,${twice},other`
        )
      })
      assert.strictEqual(conflicts.code, 1)
      assert.match(conflicts.stderr, new RegExp(`line 3: ${taken} is the address of owner`))
      assert.match(conflicts.stderr, new RegExp(`line 5: ${twice} is the address of one`))
      const many = yield* run(["import", "-"], {
        stdin: csv(...Array.from({ length: 25 }, () => "mars,0x1,x"))
      })
      assert.match(many.stderr, /line 21: .*\n {2}and 5 more\n$/)
      assert.deepStrictEqual(yield* listed("--account", "customer-3"), [])
    })
  )

  it.effect("says what is wrong with a file that is none of its kind", () =>
    Effect.gen(function* () {
      const latin1 = yield* write(
        "latin1.csv",
        Buffer.from(csv(`localchain,${fresh()},M\u00fcller`), "latin1")
      )
      const cases = [
        [["import", "none.csv"], undefined, /^none\.csv cannot be read as a file\.\n$/],
        [["import", latin1], undefined, /line 2: account_reference .* UTF-8\n$/],
        [["import", "-"], "", /^standard input is empty/],
        [["import", "-"], "chain;address;account_reference\n", /commas between; .* missing/],
        [
          ["import", "-"],
          "chain,address,account\n",
          /account_reference missing; "account" unknown/
        ],
        [["import", "-"], csv('localchain,"0x'), /is not a CSV file.*\n {2}line 2: Unterminated/],
        [["import", "-"], csv("x".repeat(20_000)), /is not a CSV file.*\n {2}line 2: /]
      ] as const
      const results = yield* Effect.forEach(
        cases,
        ([args, stdin]) => run(args, stdin === undefined ? {} : { stdin }),
        { concurrency: 2 }
      )
      for (const [index, { code, stderr, stdout }] of results.entries()) {
        assert.deepStrictEqual([code, stdout], [1, ""])
        assert.match(stderr, cases[index]?.[2] ?? /^$/)
      }
    })
  )

  it.effect("asks whose they are where the config has several tenants", () =>
    Effect.gen(function* () {
      const [a, b] = [fresh(), fresh()]
      const config = "two.yaml"
      const line = `localchain,${a},of two`
      const unsaid = yield* run(["import", "-"], { config, stdin: csv(line) })
      assert.strictEqual(unsaid.code, 1)
      assert.match(unsaid.stderr, /--tenant, or in a column tenant_id: the config has acme, globex/)
      const flag = yield* run(["import", "-", "--tenant", "globex"], { config, stdin: csv(line) })
      assert.strictEqual(flag.stdout, "Registered 1 addresses.\n")
      const columns = `tenant_id,chain,address,account_reference\nacme,localchain,${a},of two\nglobex,localchain,${b},of two\n`
      const both = yield* run(["import", "-", "--tenant", "acme"], { config, stdin: columns })
      assert.match(both.stderr, /column tenant_id: leave out --tenant/)
      const column = yield* run(["import", "-"], { config, stdin: columns })
      assert.strictEqual(column.stdout, "Registered 2 addresses.\n")
      assert.deepStrictEqual(
        (yield* listed("--account", "of two")).map(({ tenant_id, address }) => [
          tenant_id,
          address
        ]),
        [
          ["acme", a],
          ["globex", a],
          ["globex", b]
        ]
      )
      const ofGlobex = yield* listed("--account", "of two", "--tenant", "globex")
      assert.strictEqual(ofGlobex.length, 2)
    })
  )

  it.effect("lists addresses as aligned columns, and says when there are more", () =>
    Effect.gen(function* () {
      const [a, b] = [fresh(), fresh()]
      yield* run(["import", "-"], {
        stdin: csv(`localchain,${a},tabled`, `localchain,${b},tabled`)
      })
      const { code, stderr, stdout } = yield* run(["list", "--account", "tabled", "--limit", "1"])
      assert.deepStrictEqual([code, stderr], [0, "The first 1: --limit shows more.\n"])
      const [head = "", row = "", ...rest] = stdout.trimEnd().split("\n")
      assert.match(head, /^TENANT +CHAIN +ADDRESS +ACCOUNT +REGISTERED +BY$/)
      assert.match(row, new RegExp(`^acme +localchain +${a} +tabled +20\\d\\d-`))
      assert.deepStrictEqual(rest, [])
      const all = yield* run(["list", "--account", "tabled", "--limit", "2"])
      assert.strictEqual(all.stderr, "")
      const none = yield* run(["list", "--chain", "mars"])
      assert.deepStrictEqual(none, {
        code: 0,
        stdout: "",
        stderr: "There are no such addresses.\n"
      })
    })
  )
})
