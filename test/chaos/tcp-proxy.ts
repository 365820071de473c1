/** A TCP proxy whose connections can be cut, refused and held up. */
import { connect, createServer, type Socket } from "node:net"
import { Effect } from "effect"

export interface TcpProxy {
  readonly port: number
  /** All connections break; new ones are refused until `restore`. */
  readonly cut: Effect.Effect<void>
  /** Connections stand and nothing passes, until `restore`. */
  readonly hang: Effect.Effect<void>
  readonly restore: Effect.Effect<void>
}

export const startTcpProxy = (upstreamPort: number) =>
  Effect.gen(function* () {
    const sockets = new Set<Socket>()
    let isRefusing = false
    let isHanging = false
    const destroyAll = () => {
      for (const socket of sockets) socket.destroy()
    }
    const server = createServer((client) => {
      if (isRefusing) {
        client.destroy()
        return
      }
      const upstream = connect(upstreamPort, "127.0.0.1")
      const ends = [client, upstream] as const
      const close = () => {
        for (const socket of ends) {
          socket.destroy()
          sockets.delete(socket)
        }
      }
      for (const [from, to] of [
        [client, upstream],
        [upstream, client]
      ] as const) {
        sockets.add(from)
        from.setNoDelay(true)
        from.on("data", (chunk) => {
          if (!to.write(chunk)) from.pause()
        })
        to.on("drain", () => {
          if (!isHanging) from.resume()
        })
        from.on("error", close)
        from.on("close", close)
        if (isHanging) from.pause()
      }
    })
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => {
        server.listen(0, "127.0.0.1", () => resume(Effect.void))
      }),
      () =>
        Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
          destroyAll()
        })
    )
    const address = server.address()
    if (address === null || typeof address === "string") {
      return yield* Effect.die("the proxy has no port")
    }
    return {
      port: address.port,
      cut: Effect.sync(() => {
        isRefusing = true
        destroyAll()
      }),
      hang: Effect.sync(() => {
        isHanging = true
        for (const socket of sockets) socket.pause()
      }),
      restore: Effect.sync(() => {
        isRefusing = false
        isHanging = false
        for (const socket of sockets) socket.resume()
      })
    } satisfies TcpProxy
  })
