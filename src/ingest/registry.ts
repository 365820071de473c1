/** Every provider by the name that surehook.yaml gives it. A new provider is one file and one line here. */
import type { Provider } from "./provider.ts"
import { alchemy } from "./providers/alchemy.ts"
import { circle } from "./providers/circle.ts"
import { coinbase } from "./providers/coinbase.ts"
import { helius } from "./providers/helius.ts"
import { hmac } from "./providers/hmac.ts"
import { moralis } from "./providers/moralis.ts"
import { quicknode } from "./providers/quicknode.ts"
import { standard } from "./providers/standard.ts"

export const providers: ReadonlyMap<string, Provider> = new Map([
  ["alchemy", alchemy],
  ["circle", circle],
  ["coinbase", coinbase],
  ["helius", helius],
  ["hmac", hmac],
  ["moralis", moralis],
  ["quicknode", quicknode],
  ["standard", standard]
])
