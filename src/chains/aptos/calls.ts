/** The calls that validator and scanner make of an Aptos fullnode, each answer checked against what was asked for. */
import { Effect, Schema } from "effect"
import type { Address, TxHash } from "../../domain/chain.ts"
import type { Endpoint } from "../rpc/endpoint.ts"
import type { RpcErrorAnswer } from "../rpc/faults.ts"
import {
  Block,
  BlockAndPage,
  CommittedTransaction,
  FungibleStoreResource,
  HeldRange,
  LedgerInfo,
  ObjectCoreResource,
  Transaction
} from "./answers.ts"
import { type FungibleHolding, fungibleStore, objectCore } from "./holdings.ts"

/** Anything else that is not there (a version that was pruned, or is not known yet) is the endpoint's fault. */
const isAbsent = ({ message }: RpcErrorAnswer, what: ReadonlyArray<string>): boolean =>
  what.some((errorCode) => message.startsWith(`${errorCode}:`))

const nullIfAbsent = (what: ReadonlyArray<string>) => (answer: RpcErrorAnswer) =>
  isAbsent(answer, what) ? Effect.succeed(null) : Effect.fail(answer)

export const ledgerInfoOf = (endpoint: Endpoint) => endpoint.call("/", [], LedgerInfo)

/** The blocks that the endpoint has. */
export const heldRangeOf = (endpoint: Endpoint) => endpoint.call("/", [], HeldRange)

export const transactionOf = (endpoint: Endpoint, hash: TxHash) =>
  endpoint.call(`/transactions/by_hash/${hash}`, [], Transaction).pipe(
    Effect.catchTag("RpcErrorAnswer", nullIfAbsent(["transaction_not_found"])),
    Effect.filterOrFail(
      (transaction) => transaction === null || transaction.hash === hash,
      () => endpoint.failure(`${endpoint.name} gave another transaction than was asked for`)
    )
  )

export const blockOf = (endpoint: Endpoint, version: number) =>
  endpoint.call(`/blocks/by_version/${version}`, [], Block).pipe(
    Effect.filterOrFail(
      (block) => block.first_version <= version && version <= block.last_version,
      () => endpoint.failure(`${endpoint.name} gave another block than was asked for`)
    )
  )

/** The most that a node gives of a page, https://aptos.dev/build/apis/fullnode-rest-api-reference. */
export const maxPage = 100

/** With its first transactions, or with none. */
export const blockAt = (endpoint: Endpoint, height: number, withTransactions: boolean) =>
  endpoint
    .call(`/blocks/by_height/${height}?with_transactions=${withTransactions}`, [], BlockAndPage)
    .pipe(
      Effect.filterOrFail(
        (block) => block.block_height === height,
        () => endpoint.failure(`${endpoint.name} gave another block than was asked for`)
      )
    )

/** At least one transaction, the first of this version. */
export const pageAt = (endpoint: Endpoint, version: number, limit: number) =>
  endpoint.call(
    `/transactions?start=${version}&limit=${limit}`,
    [],
    Schema.NonEmptyArray(CommittedTransaction)
  )

const resourceAt = <S extends Schema.ConstraintDecoder<unknown>>(
  endpoint: Endpoint,
  address: Address,
  type: string,
  version: number,
  resource: S
) =>
  endpoint
    .call(
      `/accounts/${address}/resource/${encodeURIComponent(type)}?ledger_version=${version}`,
      [],
      resource
    )
    .pipe(
      Effect.catchTag("RpcErrorAnswer", nullIfAbsent(["resource_not_found", "account_not_found"]))
    )

/** The owner and the asset of a store as the transaction of this version left it. */
export const holdingAt = (endpoint: Endpoint, store: Address, version: number) =>
  Effect.map(
    Effect.all(
      [
        resourceAt(endpoint, store, objectCore, version, ObjectCoreResource),
        resourceAt(endpoint, store, fungibleStore, version, FungibleStoreResource)
      ],
      { concurrency: "unbounded" }
    ),
    ([core, held]): FungibleHolding => ({
      owner: core?.data.owner ?? null,
      metadata: held?.data.metadata.inner ?? null
    })
  )
