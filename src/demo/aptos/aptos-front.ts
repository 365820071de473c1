/**
 * A fake that stands in for an Aptos fullnode's REST API, because no node of Aptos runs from npm.
 *
 * It answers in the documented shapes (https://aptos.dev/build/apis/fullnode-rest-api-reference)
 * about an `AptosLedger`, and can be told to fail the way real endpoints do.
 */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http"
import { Effect, type Schema, type Scope } from "effect"
import { canonicalAddress } from "../../domain/chain.ts"
import { type FrontError, listen } from "../listening.ts"
import type { AptosBlock, AptosLedger } from "./aptos-ledger.ts"

export interface AptosAnswer {
  readonly status: number
  readonly body: Schema.Json
}

export type AptosMode =
  | { readonly _tag: "Answer" }
  /** Overload, outage, or a page of something else: any status, any text. */
  | {
      readonly _tag: "Status"
      readonly status: number
      readonly body?: string
      readonly headers?: Readonly<Record<string, string>>
    }
  | { readonly _tag: "Hang" }
  | { readonly _tag: "Reset" }
  /** Each answer may be replaced; undefined leaves it. The path is that below /v1. */
  | {
      readonly _tag: "Rewrite"
      readonly rewrite: (path: string, answer: AptosAnswer) => AptosAnswer | undefined
    }

export interface AptosFront {
  /** With a key in its path, as hosted endpoints have, and without the API's root. */
  readonly url: string
  readonly key: string
  readonly setMode: (mode: AptosMode) => Effect.Effect<void>
  /** What was asked for, with the query, in order. */
  readonly targets: Effect.Effect<ReadonlyArray<string>>
  /** The headers of the newest request. */
  readonly headers: Effect.Effect<IncomingHttpHeaders>
}

const key = "s3cr3t-key-of-the-fullnode"
const root = `/${key}/v1`

export const startAptosFront = (
  ledger: AptosLedger
): Effect.Effect<AptosFront, FrontError, Scope.Scope> =>
  Effect.gen(function* () {
    let mode: AptosMode = { _tag: "Answer" }
    let headers: IncomingHttpHeaders = {}
    const targets: Array<string> = []

    const server = createServer((request, response) => {
      const target = request.url ?? ""
      targets.push(target)
      headers = request.headers
      switch (mode._tag) {
        case "Hang":
          return
        case "Reset":
          request.socket.destroy()
          return
        case "Status":
          response.writeHead(mode.status, mode.headers)
          response.end(mode.body ?? `no luck with ${target}`)
          return
      }
      const url = new URL(target, "http://front")
      if (!url.pathname.startsWith(root)) return sendJson(response, notThere("web_framework_error"))
      const path = url.pathname.slice(root.length)
      const answer = answerTo(ledger, path, url.searchParams)
      sendJson(response, (mode._tag === "Rewrite" && mode.rewrite(path, answer)) || answer)
    })

    const origin = yield* listen(server)
    return {
      url: `${origin}/${key}`,
      key,
      setMode: (next) =>
        Effect.sync(() => {
          mode = next
        }),
      targets: Effect.sync(() => [...targets]),
      headers: Effect.sync(() => headers)
    }
  })

const sendJson = (response: ServerResponse, { status, body }: AptosAnswer): void => {
  response.writeHead(status, { "content-type": "application/json" })
  response.end(JSON.stringify(body))
}

const error = (status: number, error_code: string, message: string): AptosAnswer => ({
  status,
  body: { message, error_code, vm_error_code: null }
})
const ok = (body: Schema.Json): AptosAnswer => ({ status: 200, body })
const notThere = (error_code: string) => error(404, error_code, "it is not there")

/** As a fullnode limits a page of transactions. */
const defaultPage = 25
const maxPage = 100

const routes: ReadonlyArray<{
  readonly path: RegExp
  readonly answer: (ledger: AptosLedger, part: string, query: URLSearchParams) => AptosAnswer
}> = [
  { path: /^\/?$/, answer: (ledger) => ok(ledgerInfo(ledger)) },
  {
    path: /^\/transactions\/by_hash\/(0x[0-9a-f]{64})$/,
    answer: (ledger, hash) => {
      const transaction = ledger.transactionOf(hash)
      if (transaction === undefined) {
        return error(
          404,
          "transaction_not_found",
          `Transaction not found by Transaction hash(${hash})`
        )
      }
      const isPruned = Number(transaction.version ?? Infinity) < ledger.oldestVersion()
      return isPruned ? pruned("version_pruned") : ok(transaction)
    }
  },
  {
    path: /^\/transactions$/,
    answer: (ledger, _part, query) => {
      const limit = Math.min(Number(query.get("limit") ?? defaultPage), maxPage)
      const start = query.get("start") ?? Math.max(ledger.newest().lastVersion + 1 - limit, 0)
      return Number(start) < ledger.oldestVersion()
        ? pruned("version_pruned")
        : ok([...ledger.transactionsFrom(Number(start), limit)])
    }
  },
  {
    path: /^\/blocks\/by_version\/(\d+)$/,
    answer: (ledger, version, query) => {
      if (Number(version) < ledger.oldestVersion()) return pruned("block_pruned")
      const block = ledger.blockOf(Number(version))
      return block === undefined
        ? notThere("version_not_found")
        : ok(blockInfo(ledger, block, query))
    }
  },
  {
    path: /^\/blocks\/by_height\/(\d+)$/,
    answer: (ledger, height, query) => {
      if (Number(height) < oldestBlock(ledger)) return pruned("block_pruned")
      const block = ledger.blockAt(Number(height))
      return block === undefined ? notThere("block_not_found") : ok(blockInfo(ledger, block, query))
    }
  },
  {
    path: /^\/accounts\/(0x[0-9a-f]{1,64}\/resource\/.+)$/,
    answer: (ledger, part, query) => {
      const [account = "", , type = ""] = part.split("/")
      const version = query.get("ledger_version")
      if (version !== null && Number(version) > ledger.newest().lastVersion) {
        return notThere("version_not_found")
      }
      if (version !== null && Number(version) < ledger.oldestVersion()) {
        return pruned("version_pruned")
      }
      const address = canonicalAddress("aptos", account)
      const resource =
        address === undefined ? undefined : ledger.resourceOf(address, decodeURIComponent(type))
      return resource === undefined ? notThere("resource_not_found") : ok(resource)
    }
  }
]

const pruned = (error_code: string) => error(410, error_code, "it has been pruned")

const answerTo = (ledger: AptosLedger, path: string, query: URLSearchParams): AptosAnswer => {
  for (const route of routes) {
    const match = route.path.exec(path)
    if (match !== null) return route.answer(ledger, match[1] ?? "", query)
  }
  return notThere("web_framework_error")
}

const ledgerInfo = (ledger: AptosLedger): Schema.Json => {
  const newest = ledger.newest()
  return {
    chain_id: ledger.chainId,
    epoch: "1",
    ledger_version: newest.lastVersion.toString(),
    oldest_ledger_version: ledger.oldestVersion().toString(),
    ledger_timestamp: newest.timestampMicros.toString(),
    node_role: "full_node",
    oldest_block_height: oldestBlock(ledger).toString(),
    block_height: newest.height.toString(),
    git_hash: "0".repeat(40)
  }
}

/** The first block of which nothing is forgotten. */
const oldestBlock = (ledger: AptosLedger): number => {
  const oldest = ledger.oldestVersion()
  const block = ledger.blockOf(oldest)
  if (block === undefined) return ledger.newest().height + 1
  return block.firstVersion < oldest ? block.height + 1 : block.height
}

/** Of a large block, no more of its transactions than a page has. */
const blockInfo = (
  ledger: AptosLedger,
  block: AptosBlock,
  query: URLSearchParams
): Schema.Json => ({
  block_height: block.height.toString(),
  block_hash: block.hash,
  block_timestamp: block.timestampMicros.toString(),
  first_version: block.firstVersion.toString(),
  last_version: block.lastVersion.toString(),
  transactions:
    query.get("with_transactions") === "true"
      ? [
          ...ledger.transactionsFrom(
            block.firstVersion,
            Math.min(block.lastVersion - block.firstVersion + 1, maxPage)
          )
        ]
      : null
})
