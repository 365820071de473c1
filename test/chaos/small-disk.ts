/**
 * A disk for the database that can be filled: a small tmpfs. Only root on Linux can mount one; others
 * go without this fault.
 */
import { spawnSync } from "node:child_process"
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { Effect } from "effect"

export interface SmallDisk {
  readonly fill: Effect.Effect<void>
  readonly free: Effect.Effect<void>
}

/** Of the whole disk, which lies in memory. */
const sizeMegabytes = 400
/** Leaves most of it to the tables. */
export const smallDiskSettings = { max_wal_size: "96MB", min_wal_size: "32MB" }
const chunk = Buffer.alloc(1024 * 1024)

const succeeds = (command: string, ...args: ReadonlyArray<string>): boolean =>
  spawnSync(command, args, { stdio: "ignore" }).status === 0

/** Mounted on that folder until the scope ends; undefined where that cannot be. */
export const mountSmallDisk = (folder: string) =>
  Effect.gen(function* () {
    if (process.platform !== "linux" || process.getuid?.() !== 0) return undefined
    mkdirSync(folder)
    const isMounted = yield* Effect.acquireRelease(
      // As a data folder is made: the server's user has to pass through.
      Effect.sync(() =>
        succeeds("mount", "-t", "tmpfs", "-o", `size=${sizeMegabytes}m,mode=0711`, "tmpfs", folder)
      ),
      (isMounted) =>
        Effect.sync(() => {
          if (isMounted && !succeeds("umount", folder)) succeeds("umount", "--lazy", folder)
        })
    )
    if (!isMounted) return undefined
    const balloon = join(folder, "balloon")
    return {
      fill: Effect.sync(() => {
        const file = openSync(balloon, "w")
        try {
          for (let written = 0; written < sizeMegabytes; written++) writeSync(file, chunk)
        } catch {
          // Full, as it should be.
        } finally {
          closeSync(file)
        }
      }),
      free: Effect.sync(() => rmSync(balloon, { force: true }))
    } satisfies SmallDisk
  })
