/** Names that the test run's setup and the tests have to agree on. */

export const templateName = "surehook_template"

/** The same server and user, another database. */
export const urlOfDatabase = (url: string, database: string): string => {
  const other = new URL(url)
  other.pathname = `/${database}`
  return other.href
}
