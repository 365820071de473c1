/**
 * What surehook.yaml must say of a source of some provider. The providers bring their rules, so that
 * a new one needs no line here.
 */
import { Context, Result, type Schema } from "effect"

export interface SourceRules {
  /**
   * The secret in its canonical form, or in words that do not hold it why it is none. `source` is what
   * the file says of the source, not checked yet, for providers whose options say what a secret is.
   */
  readonly secret: (
    text: string,
    source: Readonly<Record<string, unknown>>
  ) => Result.Result<string, string>
  /** Whether the provider names networks in its own way, so that `networks` must map them. */
  readonly namesNetworks: boolean
  /** The keys that a source of this provider has beside the common ones. */
  readonly options: Schema.ConstraintDecoder<unknown> & {
    readonly fields: Readonly<Record<string, unknown>>
  }
}

/** By the name that `provider:` has in the file. */
export class ProviderRules extends Context.Service<
  ProviderRules,
  ReadonlyMap<string, SourceRules>
>()("surehook/config/ProviderRules") {}

const maxSecretLength = 1_024

/** For secrets without a form of their own: printable, and long enough not to be guessed. */
export const plainSecret =
  (minLength: number) =>
  (text: string): Result.Result<string, string> =>
    text.length >= minLength && text.length <= maxSecretLength && /^[\x20-\x7e]+$/.test(text)
      ? Result.succeed(text)
      : Result.fail(
          `must have ${minLength} to ${maxSecretLength} characters, all of them printable ASCII`
        )
