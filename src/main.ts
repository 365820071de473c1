/** The command line's entry. */
import { main } from "./cli/surehook.ts"

main()
