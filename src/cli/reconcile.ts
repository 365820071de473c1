/** `surehook reconcile`: one pass of the reconciler, or a look at blocks of the past. */
import { Command, Flag } from "effect/cli"
import { onDemand } from "./on-demand.ts"

const block = (name: string, description: string) =>
  Flag.Int(name).pipe(
    Flag.withMetavar("N"),
    Flag.withDescription(description),
    Flag.filter(
      (height) => height >= 0,
      () => "Expected the height of a block, 0 or more"
    ),
    Flag.optional
  )

export const reconcile = Command.make(
  "reconcile",
  {
    chain: Flag.String("chain").pipe(
      Flag.withMetavar("NAME"),
      Flag.withDescription("A watched chain, for --from-block (default: the only one)"),
      Flag.optional
    ),
    fromBlock: block(
      "from-block",
      "Only read blocks of a watched chain, from this one (on Solana a slot)"
    ),
    toBlock: block("to-block", "The last block to read (default: the newest)"),
    json: Flag.Boolean("json").pipe(
      Flag.withDescription("Print JSON, with the names of reconciliation_runs"),
      Flag.withDefault(false)
    )
  },
  onDemand(() => import("./run/reconcile.ts").then(({ reconcile }) => reconcile))
).pipe(
  Command.withDescription(
    `Run one pass of the reconciler and print what it did.

  It looks again at deposits that are older than FUNDING_RECONCILIATION_THRESHOLD and not settled, takes
  back the leases of lost workers, reads the new blocks of watched chains for transfers that no webhook
  told of, finalizes or reverses credits, and holds the ledger against what was seen on chain. It may run
  beside services that do the same. The exit code is 1 if something could not be looked at, or the ledger
  differs.`
  ),
  Command.withShortDescription("Run one pass of the reconciler"),
  Command.withExamples([
    { command: "surehook reconcile", description: "One pass, now" },
    {
      command: "surehook reconcile --chain ethereum --from-block 21000000 --to-block 21001000",
      description: "Find what was missed in these blocks"
    }
  ])
)
