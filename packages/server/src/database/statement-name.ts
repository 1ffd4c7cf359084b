/** Texts that have a name. Each may be prepared on each connection, at some 20 KB there; the rest are planned each time. */
const mostNames = 400

/** Its columns are those of the table at the time it was prepared: after a migration the server refuses to run it. */
const allColumns = /(?:^|\s|,)(?:"?\w+"?\.)?\*(?:\s|,|$)/

/**
 * Names the texts that are prepared on a connection, so that PostgreSQL parses and plans them there once. Each way of
 * sending statements has names of its own: it knows of no statement but those that it prepared itself.
 *
 * @param prefix - what sets its names apart on a connection.
 * @returns the name of a text; undefined for one that is sent as it is: one that takes whatever columns there are, and any
 *   new one once there are many, as texts made of values would be.
 */
export function createStatementNames(prefix: string): (text: string) => string | undefined {
  const names = new Map<string, string>()
  return (text) => {
    let name = names.get(text)
    if (name === undefined && names.size < mostNames && !allColumns.test(text)) {
      name = `${prefix}${names.size}`
      names.set(text, name)
    }
    return name
  }
}
