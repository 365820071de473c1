/** A word of a header this long is no scheme. */
const minSecretCharacters = 6

/** What of a header's value must not be shown: all of it, and what follows a scheme such as "Bearer". */
export const headerSecrets = (value: string): ReadonlyArray<string> => {
  const [, ...words] = value.trim().split(/\s+/)
  return [value.trim(), ...words].filter(({ length }) => length >= minSecretCharacters)
}
