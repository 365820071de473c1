/**
 * The one endpoint of Circle's API that a receiver asks, in its documented shape: the public key of an
 * id. A fake, because the real one answers only to customers; the client that asks it is the real one.
 */
import { generateKeyPairSync, type KeyObject, randomUUID } from "node:crypto"
import { once } from "node:events"
import { createServer, type Server } from "node:http"
import { Predicate } from "effect"

export interface KeyPair {
  readonly id: string
  readonly privateKey: KeyObject
  /** Base64 of the SPKI. */
  readonly publicKey: string
}

export const newKeyPair = (namedCurve = "P-256"): KeyPair => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve })
  const spki = publicKey.export({ format: "der", type: "spki" })
  return { id: randomUUID(), privateKey, publicKey: spki.toString("base64") }
}

export interface Reply {
  readonly status: number
  readonly body: string | object
}

export const keyReply = ({ id, publicKey }: KeyPair, algorithm = "ECDSA_SHA_256"): Reply => ({
  status: 200,
  body: { data: { id, algorithm, publicKey, createDate: "2023-06-28T21:47:35.107250Z" } }
})

export const unknownReply: Reply = {
  status: 404,
  body: { code: 156_001, message: "Cannot find target public key." }
}

/** What Circle answers to who asks for a key with an API key. */
export type Answers = (keyId: string, apiKey: string) => Reply

export const startCircleApi = async (
  answers: Answers
): Promise<{ readonly server: Server; readonly url: string }> => {
  const server = createServer((request, response) => {
    const id = /^\/v2\/notifications\/publicKey\/([0-9a-f-]{36})$/.exec(request.url ?? "")?.[1]
    const apiKey = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1]
    const { body, status } =
      request.method !== "GET" || id === undefined || apiKey === undefined
        ? { status: 400, body: { code: 2, message: "malformed" } }
        : answers(id, apiKey)
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  const port = Predicate.isObject(address) ? address.port : 0
  return { server, url: `http://127.0.0.1:${port}` }
}
