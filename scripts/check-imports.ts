/**
 * Checks who imports whom: `node scripts/check-imports.ts [root]`.
 *
 * The table is the architecture. An edge that is not in it is an offence, also if only a type is
 * imported. What an `import(name)` of a computed name loads is not seen.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { isBuiltin } from "node:module"
import { dirname, join, relative, resolve, sep } from "node:path"
import process from "node:process"
import { parseAst } from "vitest/node"

const tools = ["domain", "config", "telemetry"]
const deposit = ["machines", "postgres", "event-log", "deposits"]
const stations = ["ingest", "chains", "workers", "reconciler", "audit"]
const house = [...tools, ...deposit, "ledger", "addresses", "settlement", ...stations]

/** Every part, and the parts that it may import besides itself. */
const mayImport: ReadonlyMap<string, ReadonlyArray<string>> = new Map([
  ["machines", []],
  ["domain", []],
  ["config", ["domain"]],
  ["telemetry", ["domain", "config"]],
  ["postgres", ["domain"]],
  ["event-log", ["domain", "postgres"]],
  ["deposits", ["domain", "machines", "postgres", "event-log"]],
  ["ledger", ["domain", ...deposit]],
  ["addresses", ["domain", "postgres", "event-log"]],
  // The stations import downwards, never each other; but who drives deposits asks the chains.
  ["ingest", [...tools, ...deposit, "addresses"]],
  ["chains", tools],
  // What a verdict of the chain means for a deposit, and how it is written: for both who drive them.
  ["settlement", [...tools, ...deposit, "ledger", "addresses", "chains"]],
  ["workers", [...tools, ...deposit, "ledger", "addresses", "chains", "settlement"]],
  ["reconciler", [...tools, ...deposit, "ledger", "addresses", "chains", "settlement"]],
  ["audit", [...tools, ...deposit, "ledger"]],
  // Starts and stops what works in the background of a process.
  ["manager", ["domain", "config", "workers", "reconciler"]],
  // On top.
  ["api", [...house, "manager"]],
  ["inspect", house],
  ["service", [...house, "manager", "api", "inspect"]],
  ["demo", [...house, "manager", "api", "inspect", "service"]],
  ["cli", [...house, "manager", "api", "inspect", "service", "demo"]],
  ["main", ["cli"]],
  ["bench", [...house, "manager", "api", "service", "demo"]]
])

/** Packages, for the parts that may not use every package. */
const mayUse: ReadonlyMap<string, ReadonlyArray<string>> = new Map([
  ["machines", ["xstate", "effect/Schema"]]
])

/** Folders of the root whose files are checked. */
const checked = ["machines", "src", "bench"]

interface Import {
  readonly file: string
  readonly line: number
  readonly from: string
  readonly specifier: string
}

interface Edge extends Import {
  readonly to: string
}

/** src/ledger/x.ts is of `ledger`, src/main.ts of `main`, bench/x.ts of `bench`. */
const partOf = (file: string): string | undefined => {
  const [top = "", name = ""] = file.split("/")
  if (!checked.includes(top)) return undefined
  return top === "src" ? name.replace(/\.ts$/, "") : top
}

const sourceFiles = (root: string): ReadonlyArray<string> =>
  checked
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) => readdirSync(join(root, folder), { withFileTypes: true, recursive: true }))
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll(sep, "/"))
    .sort()

const importing = new Set<unknown>([
  "ImportDeclaration",
  "ExportNamedDeclaration",
  "ExportAllDeclaration",
  "ImportExpression",
  "TSImportType"
])

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null

/** Every `from "…"`, `import("…")` and `typeof import("…")` of a syntax tree. */
const specifiersIn = (
  node: unknown
): ReadonlyArray<{ readonly specifier: string; readonly offset: number }> => {
  if (!isObject(node)) return []
  const below = Object.values(node).flatMap(specifiersIn)
  const { source, type } = node
  return importing.has(type) &&
    isObject(source) &&
    typeof source.value === "string" &&
    typeof source.start === "number"
    ? [{ specifier: source.value, offset: source.start }, ...below]
    : below
}

const importsOf = (root: string, file: string): ReadonlyArray<Import> => {
  const text = readFileSync(join(root, file), "utf8")
  const from = partOf(file) ?? ""
  return specifiersIn(parseAst(text, { lang: "ts" }, file)).map(({ offset, specifier }) => ({
    file,
    line: text.slice(0, offset).split("\n").length,
    from,
    specifier
  }))
}

const isOurs = ({ specifier }: Import): boolean => /^\.{0,2}\//.test(specifier)

/** The part that an import of ours leads to; none outside of what is checked. */
const targetOf = (root: string, { file, specifier }: Import): string | undefined =>
  partOf(relative(root, resolve(root, dirname(file), specifier)).replaceAll(sep, "/"))

const listed = (names: ReadonlyArray<string>): string =>
  names.length === 0 ? "nothing of ours" : names.join(", ")

const offence = ({ file, line, specifier }: Import, why: string): string =>
  `${file}:${line} imports ${specifier}: ${why}`

const faultsOfSpecifier = (found: Import): ReadonlyArray<string> => {
  const { from, specifier } = found
  if (isOurs(found)) {
    return /\.(ts|json)$/.test(specifier)
      ? []
      : [offence(found, "Node needs the file's own ending: write .ts")]
  }
  if (isBuiltin(specifier) && !specifier.startsWith("node:")) {
    return [offence(found, `a module of Node is written node:${specifier}`)]
  }
  const packages = mayUse.get(from)
  return packages === undefined || packages.includes(specifier)
    ? []
    : [offence(found, `${from} may not import this package. It may: ${packages.join(", ")}`)]
}

const faultsOfTarget = (found: Import, to: string | undefined): ReadonlyArray<string> => {
  const allowed = mayImport.get(found.from)
  if (to === found.from || allowed === undefined) return []
  if (to === undefined) {
    return [offence(found, `that is outside. ${found.from} may import: ${listed(allowed)}`)]
  }
  return allowed.includes(to)
    ? []
    : [offence(found, `${found.from} may not import ${to}. It may: ${listed(allowed)}`)]
}

/** One ring of parts that import each other, for every part that closes one. */
const cyclesIn = (edges: ReadonlyArray<Edge>): ReadonlyArray<ReadonlyArray<Edge>> => {
  const cycles: Array<ReadonlyArray<Edge>> = []
  const finished = new Set<string>()
  const visit = (part: string, path: ReadonlyArray<Edge>): void => {
    const begin = path.findIndex(({ from }) => from === part)
    if (begin >= 0) cycles.push(path.slice(begin))
    if (begin >= 0 || finished.has(part)) return
    for (const edge of edges) if (edge.from === part) visit(edge.to, [...path, edge])
    finished.add(part)
  }
  for (const { from } of edges) visit(from, [])
  return cycles
}

const cycleText = (cycle: ReadonlyArray<Edge>): string =>
  `${[...cycle.map(({ from }) => from), cycle[0]?.from].join(" → ")} is a cycle: ${cycle
    .map(({ file, line }) => `${file}:${line}`)
    .join(", ")}`

const check = (root: string) => {
  const files = sourceFiles(root)
  const parts = [...new Set(files.map((file) => partOf(file) ?? ""))]
  const found = files
    .flatMap((file) => importsOf(root, file))
    .map((one) => ({ ...one, to: isOurs(one) ? targetOf(root, one) : one.from }))
  const edges = new Map(
    found.flatMap(
      ({ to, ...one }): ReadonlyArray<readonly [string, Edge]> =>
        to === undefined || to === one.from ? [] : [[`${one.from} ${to}`, { ...one, to }]]
    )
  )
  const offences = [
    ...parts
      .filter((part) => !mayImport.has(part))
      .map(
        (part) =>
          `${part} has no row in the table of scripts/check-imports.ts: say there what it may import`
      ),
    ...found.flatMap((one) => [...faultsOfSpecifier(one), ...faultsOfTarget(one, one.to)]),
    ...cyclesIn([...edges.values()]).map(cycleText)
  ]
  return { files, parts, offences }
}

const { files, parts, offences } = check(resolve(process.argv[2] ?? "."))

if (files.length === 0) {
  console.error(`There are no .ts files in ${checked.join(", ")}: is this the right folder?`)
  process.exitCode = 1
} else if (offences.length > 0) {
  console.error(offences.join("\n"))
  console.error(`Offences against the import rule: ${offences.length}`)
  process.exitCode = 1
} else {
  console.log(`imports: ${files.length} files in ${parts.length} parts keep the rule`)
}
