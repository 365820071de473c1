/** Every provider by the name that surehook.yaml gives it. A new provider is one file and one line here. */
import type { Provider } from "./provider.ts"
import { standard } from "./providers/standard.ts"

export const providers: ReadonlyMap<string, Provider> = new Map([["standard", standard]])
