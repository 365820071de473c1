/**
 * A local Solana for the demo and for tests: litesvm behind a JSON-RPC front, until the scope ends.
 *
 * The front is a fake of the RPC only. The transfers are executed by the real SVM and by the real
 * programs of tokens, so that fees, rents, inner instructions and failures are those of Solana.
 */
import { randomBytes } from "node:crypto"
import { address, generateKeyPairSigner, type Instruction, type KeyPairSigner } from "@solana/kit"
import { Clock, Effect, type Scope } from "effect"
import { Address, TxHash } from "../../domain/chain.ts"
import {
  associatedAccount,
  type Mint,
  mintInstructions,
  openAccount,
  recoverNested,
  transferSol,
  transferToken
} from "./instructions.ts"
import { type Commitment, makeLedger } from "./ledger.ts"
import { LocalSolanaError } from "./local-solana-error.ts"
import { makeMethods } from "./rpc-methods.ts"
import { serveJsonRpc } from "./rpc-server.ts"
import { makeSvm } from "./svm.ts"
import { closeWrapped, makeSecondAccount, sweep, transferInto } from "./token-accounts.ts"

export interface Payment {
  /** The owner; a token goes to its associated account, which is made if need be. */
  readonly to: Address
  readonly token: Mint | "SOL"
  readonly units: bigint
}

export interface LocalSolana {
  readonly url: string
  readonly genesisHash: string
  /** Pays for everything, and holds all the SOL and all of every token in the beginning. */
  readonly depositor: Address
  /** A mint of Token-2022 if it has a fee, which is kept back of every transfer. */
  readonly createMint: (options: {
    readonly decimals: number
    readonly feeBasisPoints?: number
  }) => Effect.Effect<Mint, LocalSolanaError>
  /** A wallet that nobody used before. */
  readonly freshAddress: Effect.Effect<Address>
  /** Where an owner's tokens of a mint are. */
  readonly tokenAccountOf: (mint: Mint, owner: Address) => Effect.Effect<Address>
  /** All payments in one transaction, in a slot of its own, processed but not confirmed. */
  readonly pay: (
    payments: ReadonlyArray<Payment>,
    options?: { readonly fails?: boolean }
  ) => Effect.Effect<TxHash, LocalSolanaError>
  /** Tokens that a program brings a fresh owner by an inner instruction. */
  readonly payByProgram: (
    mint: Mint,
    units: bigint
  ) => Effect.Effect<{ readonly tx_hash: TxHash; readonly owner: Address }, LocalSolanaError>
  /** SOL that arrives without any transfer, from a token account that is closed. */
  readonly payByClosing: (to: Address, units: bigint) => Effect.Effect<TxHash, LocalSolanaError>
  /** A token account that is not the associated one. */
  readonly openSecondAccount: (
    mint: Mint,
    owner: Address
  ) => Effect.Effect<Address, LocalSolanaError>
  /** Into a token account that is there, by a transaction that does not name its owner. */
  readonly payInto: (
    mint: Mint,
    account: Address,
    units: bigint
  ) => Effect.Effect<TxHash, LocalSolanaError>
  /** The owner, a fresh address, sends all of a token account to the depositor and closes the account. */
  readonly sweep: (
    mint: Mint,
    owner: Address,
    account: Address
  ) => Effect.Effect<TxHash, LocalSolanaError>
  /** What an owner's associated account holds, or an account's lamports. */
  readonly balance: (token: Mint | "SOL", owner: Address) => Effect.Effect<bigint>
  /** So many slots without transactions pass. */
  readonly advance: (slots: number) => Effect.Effect<void>
  /** A supermajority has voted for all slots so far. */
  readonly confirm: Effect.Effect<void>
  /** All slots so far are final. */
  readonly finalize: Effect.Effect<void>
  readonly slot: (commitment: Commitment) => Effect.Effect<number>
}

/** About all the SOL that there is, in lamports. */
const endowment = 600_000_000n * 10n ** 9n
/** In whole tokens. */
const supply = 1_000_000_000n

export const startLocalSolana: Effect.Effect<LocalSolana, LocalSolanaError, Scope.Scope> =
  Effect.gen(function* () {
    const svm = makeSvm()
    const ledger = makeLedger(randomBytes(16).toString("hex"))
    const url = yield* serveJsonRpc(makeMethods(ledger))
    const payer = yield* Effect.promise(() => generateKeyPairSigner())
    svm.endow(payer.address, endowment)

    const wallets = new Map<Address, KeyPairSigner>()
    const attempt = <A>(what: string, run: () => Promise<A>) =>
      Effect.tryPromise({
        try: run,
        catch: (cause) => new LocalSolanaError({ message: `${what}: ${String(cause)}` })
      })
    const nowSeconds = Effect.map(Clock.currentTimeMillis, (millis) => Math.floor(millis / 1000))

    const execute = Effect.fnUntraced(function* (
      what: string,
      build: () => Promise<ReadonlyArray<Instruction>>,
      mayFail = false
    ) {
      const execution = yield* attempt(what, async () => svm.execute(payer, await build()))
      if (!mayFail && execution.err !== null) {
        const error = JSON.stringify(execution.err)
        return yield* new LocalSolanaError({
          message: `${what}: ${error}: ${execution.logs.join("; ")}`
        })
      }
      return TxHash.make(ledger.land(execution, yield* nowSeconds).signature)
    })

    const paymentInstructions = async ({ to, token, units }: Payment) =>
      token === "SOL"
        ? [transferSol(payer, address(to), units)]
        : transferToken(payer, token, address(to), units)

    const accountOf = async (mint: Mint, owner: Address) =>
      Address.make(await associatedAccount(mint, address(owner)))

    return {
      url,
      genesisHash: ledger.genesisHash,
      depositor: Address.make(payer.address),
      createMint: Effect.fnUntraced(function* ({ decimals, feeBasisPoints = 0 }) {
        const made = yield* attempt("create a mint", async () =>
          mintInstructions({
            payer,
            mint: await generateKeyPairSigner(),
            decimals,
            supply: supply * 10n ** BigInt(decimals),
            feeBasisPoints,
            rentOf: svm.rentOf
          })
        )
        yield* execute("create a mint", async () => made.instructions)
        return made.mint
      }),
      freshAddress: Effect.promise(async () => {
        const wallet = await generateKeyPairSigner()
        const owner = Address.make(wallet.address)
        wallets.set(owner, wallet)
        return owner
      }),
      tokenAccountOf: (mint, owner) => Effect.promise(() => accountOf(mint, owner)),
      pay: (payments, { fails = false } = {}) =>
        execute(
          "pay",
          async () => {
            const instructions = await Promise.all(payments.map(paymentInstructions))
            // More than there is: the last instruction fails, and with it the whole transaction.
            const ruin = fails ? [transferSol(payer, payer.address, 2n * endowment)] : []
            return [...instructions.flat(), ...ruin]
          },
          fails
        ),
      payByProgram: Effect.fnUntraced(function* (mint, units) {
        const wallet = yield* Effect.promise(() => generateKeyPairSigner())
        const owner = Address.make(wallet.address)
        const account = yield* Effect.promise(() => accountOf(mint, owner))
        yield* execute("fund an account of an account", async () => [
          await openAccount(payer, mint, wallet.address),
          ...(await transferToken(payer, mint, address(account), units))
        ])
        const tx_hash = yield* execute("recover", async () => [await recoverNested(wallet, mint)])
        return { tx_hash, owner }
      }),
      payByClosing: (to, units) =>
        execute("close a wrapped account", async () =>
          closeWrapped(payer, await generateKeyPairSigner(), address(to), units)
        ),
      openSecondAccount: Effect.fnUntraced(function* (mint, owner) {
        const account = yield* Effect.promise(() => generateKeyPairSigner())
        const made = { payer, account, mint, owner: address(owner), rentOf: svm.rentOf }
        yield* execute("open a second account", async () => makeSecondAccount(made))
        return Address.make(account.address)
      }),
      payInto: (mint, account, units) =>
        execute("pay into an account", async () => [
          await transferInto(payer, mint, address(account), units)
        ]),
      sweep: (mint, owner, account) =>
        execute("sweep", async () => {
          const wallet = wallets.get(owner)
          if (wallet === undefined) throw new Error(`${owner} is no fresh address`)
          const units = svm.holdingOf(address(account))?.units ?? 0n
          return sweep(payer, wallet, mint, address(account), units)
        }),
      balance: (token, owner) =>
        token === "SOL"
          ? Effect.sync(() => svm.lamportsOf(address(owner)))
          : Effect.promise(async () => {
              const account = await associatedAccount(token, address(owner))
              return svm.holdingOf(account)?.units ?? 0n
            }),
      advance: (slots) => Effect.map(nowSeconds, (seconds) => ledger.advance(slots, seconds)),
      confirm: Effect.sync(ledger.confirm),
      finalize: Effect.sync(ledger.finalize),
      slot: (commitment) => Effect.sync(() => ledger.slotAt(commitment))
    }
  })
