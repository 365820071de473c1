/** `--stay`: the demo is over, and its service waits for what its user tries. */
import { Effect } from "effect"
import { chainName, confirmations, sourceId } from "./demo-config.ts"
import type { Stage } from "./stage.ts"

/** Puts a deposit on the chain that nobody has announced, and says how to. */
export const invite = Effect.fnUntraced(function* ({ chain, screen, secrets, service }: Stage) {
  const [deposit] = yield* chain.send({ _tag: "Pays", token: "USDC", amount: "4" })
  yield* chain.anvil.mine(confirmations)
  if (deposit === undefined) return
  const { tx_hash, token, amount, to_address } = deposit
  const { url, configPath, dataDir } = service
  const heading = (text: string) => screen.paint(text, "bold")
  yield* screen.print(`
${heading("Everything stays as it is until Ctrl-C.")}
  webhooks    ${url}/v1/webhooks/${sourceId}
  API token   ${secrets.apiToken}
  config      ${configPath}
  chain       ${chain.anvil.url} (anvil; it mines when it is told to: anvil_mine)

${heading("One more deposit is on the chain, and nobody has told the service.")} In another terminal, here:
  SUREHOOK_CONFIG='${configPath}' npm run surehook -- \\
    send --wait --url ${url} --tx-hash \\
    ${tx_hash} \\
    --token ${token} --amount ${amount} --to ${to_address}

${heading("What the service says of it then:")}
  curl -H 'Authorization: Bearer ${secrets.apiToken}' \\
    ${url}/v1/accounts/${chainName}/${to_address}
  SUREHOOK_DATA_DIR='${dataDir}' npm run surehook -- jobs list
`)
})
