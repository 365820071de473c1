/** `surehook addresses import|add|list`: the addresses to which customers deposit, and whose they are. */
import { Argument, Command, Flag } from "effect/cli"
import { onDemand } from "./on-demand.ts"

const maxLimit = 1_000

const text = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description))

const tenant = text("tenant", "ID", "A tenant of surehook.yaml (default: the only one)").pipe(
  Flag.optional
)

const importFile = Command.make(
  "import",
  {
    file: Argument.String("file").pipe(
      Argument.withDescription("A CSV file, or - for standard input")
    ),
    tenant
  },
  onDemand(() => import("./run/addresses-import.ts").then(({ importAddresses }) => importAddresses))
).pipe(
  Command.withDescription(
    `Register the addresses of a CSV file: all, or none if any line is wrong.

  The first line names the columns: chain, address, account_reference, and tenant_id where the file
  holds those of several tenants. An address stays with its account; importing it again for the same
  account changes nothing.`
  ),
  Command.withShortDescription("Register the addresses of a CSV file"),
  Command.withExamples([
    { command: "surehook addresses import addresses.csv", description: "A file" },
    {
      command: "surehook addresses import - --tenant acme < addresses.csv",
      description: "Standard input, for one of several tenants"
    }
  ])
)

const add = Command.make(
  "add",
  {
    tenant,
    chain: text("chain", "NAME", "A chain of surehook.yaml"),
    address: text("address", "ADDRESS", "Where the customer pays to; on Solana the owner's"),
    account: text("account", "REFERENCE", "How you call the customer's account")
  },
  onDemand(() => import("./run/addresses-add.ts").then(({ addAddress }) => addAddress))
).pipe(
  Command.withDescription("Register one address"),
  Command.withExamples([
    {
      command: "surehook addresses add --chain ethereum --address 0x… --account customer-7",
      description: "What is paid to it from now on is customer-7's"
    }
  ])
)

const list = Command.make(
  "list",
  {
    tenant: text("tenant", "ID", "Only those of this tenant").pipe(Flag.optional),
    chain: text("chain", "NAME", "Only those of this chain").pipe(Flag.optional),
    account: text("account", "REFERENCE", "Only those of this account").pipe(Flag.optional),
    limit: Flag.Int("limit").pipe(
      Flag.withMetavar("N"),
      Flag.withDescription("At most so many"),
      Flag.filter(
        (limit) => limit >= 1 && limit <= maxLimit,
        () => `Expected a whole number from 1 to ${maxLimit}`
      ),
      Flag.withDefault(20)
    ),
    json: Flag.Boolean("json").pipe(
      Flag.withDescription("Print JSON, with the names of the API"),
      Flag.withDefault(false)
    )
  },
  onDemand(() => import("./run/addresses-list.ts").then(({ listAddresses }) => listAddresses))
).pipe(
  Command.withDescription("List registered addresses, by tenant, chain and address"),
  Command.withAlias("ls")
)

export const addresses = Command.make("addresses").pipe(
  Command.withDescription("Register the addresses to which customers deposit"),
  Command.withSubcommands([importFile, add, list])
)
