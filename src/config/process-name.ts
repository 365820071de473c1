/** How this process is called in leases, events and the log: unlike any other, and unlike the one before it. */
import { randomBytes } from "node:crypto"
import { hostname } from "node:os"
import process from "node:process"

// A process id alone comes back: in a container it is 1 after every start.
export const newProcessName = (): string =>
  `${hostname()}-${process.pid}-${randomBytes(3).toString("hex")}`
