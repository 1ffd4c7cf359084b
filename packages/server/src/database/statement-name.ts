/** Texts that have a name. Each may be prepared on each connection, at some 20 KB there; the rest are planned each time. */
const mostNames = 400

/** Its columns are those of the table at the time it was prepared: after a migration the server refuses to run it. */
const allColumns = /(?:^|\s|,)(?:"?\w+"?\.)?\*(?:\s|,|$)/

const names = new Map<string, string>()

/**
 * The name under which a text is prepared on a connection, so that PostgreSQL parses and plans it there once.
 * Undefined for a text that is sent as it is: one that takes whatever columns there are, and any new
 * one once there are many, as texts made of values would be.
 */
export function statementName(text: string): string | undefined {
  let name = names.get(text)
  if (name === undefined && names.size < mostNames && !allColumns.test(text)) {
    name = `s${names.size}`
    names.set(text, name)
  }
  return name
}
