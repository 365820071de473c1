/** Asking the running service over HTTP, with its refusals in words. */
import { Duration, Effect, Option, Schema } from "effect"
import { HttpClient, type HttpClientError, type HttpClientRequest } from "effect/http"
import type { Settings } from "../../config/settings.ts"
import { type CommandRefused, refuse } from "../failure.ts"
import { printable } from "./job-text.ts"

/** A commit takes milliseconds; a service that is this slow has a problem worth seeing. */
const answerTimeout = Duration.seconds(30)

export interface Answer {
  readonly status: number
  readonly retryAfter: string | undefined
  readonly text: string
}

/** Where the service is: the given base URL, or where the settings let it listen. */
export const serviceUrl = (
  { host, port }: Settings["Service"],
  given: Option.Option<string>
): Effect.Effect<string, CommandRefused> => {
  if (Option.isSome(given)) {
    const url = given.value.replace(/\/+$/, "")
    return /^https?:\/\//.test(url) && URL.canParse(url)
      ? Effect.succeed(url)
      : refuse(`--url ${given.value} is not a URL such as http://127.0.0.1:3000`)
  }
  // A service that listens on every address is there on this machine's own, too.
  const own = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host
  return Effect.succeed(`http://${own.includes(":") ? `[${own}]` : own}:${port}`)
}

export const ask = Effect.fnUntraced(
  function* (_url: string, request: HttpClientRequest.HttpClientRequest) {
    const response = yield* (yield* HttpClient.HttpClient).execute(request)
    return {
      status: response.status,
      retryAfter: response.headers["retry-after"],
      text: yield* response.text
    } satisfies Answer
  },
  (effect, url) =>
    effect.pipe(
      Effect.timeout(answerTimeout),
      Effect.catchTag("HttpClientError", (error) => refuse(transportFault(url, error))),
      Effect.catchTag("TimeoutError", () =>
        refuse(`The service at ${url} has not answered after ${Duration.format(answerTimeout)}.`)
      )
    )
)

const SystemFault = Schema.Struct({ code: Schema.String })

const transportFault = (url: string, { reason }: HttpClientError.HttpClientError): string => {
  const cause = "cause" in reason ? reason.cause : undefined
  const fault = Schema.decodeUnknownOption(SystemFault)(cause)
  const code = Option.isSome(fault) ? fault.value.code : undefined
  if (code === "ECONNREFUSED") {
    return `The service is not running at ${url}. Start it with \`npm start\`, or say with --url where it is.`
  }
  return `No answer from ${url}: ${cause instanceof Error ? cause.message : reason.message}`
}

const Accepted = Schema.fromJsonString(
  Schema.Struct({
    status: Schema.String,
    jobs: Schema.Array(Schema.Struct({ job_id: Schema.String, status: Schema.String }))
  })
)

const Problem = Schema.fromJsonString(
  Schema.Struct({
    title: Schema.String,
    detail: Schema.String,
    errors: Schema.optional(
      Schema.Array(Schema.Struct({ path: Schema.String, message: Schema.String }))
    )
  })
)

/** The answer to a webhook that was taken; everything else is the service's refusal. */
export const accepted = (answer: Answer): Effect.Effect<typeof Accepted.Type, CommandRefused> =>
  answer.status >= 200 && answer.status < 300
    ? Effect.catch(Schema.decodeEffect(Accepted)(answer.text), () => refuse(unexpected(answer)))
    : refuse(refusal(answer))

/** The problem details, with a line for each field. */
export const refusal = (answer: Answer): string => {
  const problem = Schema.decodeOption(Problem)(answer.text)
  if (Option.isNone(problem)) return unexpected(answer)
  const { detail, errors = [], title } = problem.value
  const lines = [
    `${answer.status} ${title}: ${detail}`,
    ...errors.map(({ message, path }) => `  ${path === "" ? "body" : path}: ${message}`),
    ...(answer.retryAfter === undefined ? [] : [`  again after ${answer.retryAfter} s`])
  ]
  return lines.map(printable).join("\n")
}

const shownChars = 200

const unexpected = ({ status, text }: Answer): string => {
  const shown = text.length > shownChars ? `${text.slice(0, shownChars)}…` : text
  return `${status}, with an answer that is not Surehook's: is the URL right?\n  ${JSON.stringify(shown)}`
}
