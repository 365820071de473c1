/** `--stay`: the demo is over, and its service waits for what its user tries. */
import { Effect } from "effect"
import type { DemoChain } from "./demo-chain.ts"
import type { Stage } from "./stage.ts"

/** Puts a deposit on the first chain that nobody has announced, and says how to. */
export const invite = Effect.fnUntraced(function* (stage: Stage) {
  const { apiToken, chains, screen, service } = stage
  const { url, configPath, dataDir } = service
  const heading = (text: string) => screen.paint(text, "bold")
  yield* screen.print(`
${heading("Everything stays as it is until Ctrl-C.")}
${chains.map(({ name, sourceId }) => `  ${name.padEnd(10)}  ${url}/v1/webhooks/${sourceId}`).join("\n")}
  API token   ${apiToken}
  config      ${configPath}

${heading("What the service has:")}
  SUREHOOK_DATA_DIR='${dataDir}' npm run surehook -- jobs list`)
  const evm = chains.find(({ kind }) => kind === "evm")
  if (evm !== undefined) yield* inviteToSend(stage, evm)
})

/** \`surehook send\` signs as Standard Webhooks says, which is what the EVM chain's source takes. */
const inviteToSend = Effect.fnUntraced(function* (
  { apiToken, screen, service: { configPath, url } }: Stage,
  chain: DemoChain
) {
  const [deposit] = yield* chain.send({ _tag: "Pays", token: "USDC", amount: "4" })
  yield* Effect.andThen(chain.include, chain.deepen)
  if (deposit === undefined) return
  const { tx_hash, token, amount, to_address } = deposit
  yield* screen.print(`
${screen.paint(`One more deposit is on ${chain.name}, and nobody has told the service.`, "bold")} In another terminal, here:
  SUREHOOK_CONFIG='${configPath}' npm run surehook -- \\
    send --wait --url ${url} --source ${chain.sourceId} --chain ${chain.name} --tx-hash \\
    ${tx_hash} \\
    --token ${token} --amount ${amount} --to ${to_address}

${screen.paint("What the service says of it then:", "bold")}
  curl -H 'Authorization: Bearer ${apiToken}' \\
    ${url}/v1/accounts/${chain.name}/${to_address}
`)
})
