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
import { makeLedger } from "./ledger.ts"
import { LocalSolanaError } from "./local-solana-error.ts"
import type { LocalSolana, Payment } from "./local-solana-orders.ts"
import { makeMethods } from "./rpc-methods.ts"
import { serveJsonRpc } from "./rpc-server.ts"
import { makeSvm } from "./svm.ts"
import { closeWrapped, makeSecondAccount, sweep, transferInto } from "./token-accounts.ts"

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
