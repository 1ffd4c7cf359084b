/**
 * One text of Prometheus out of several. The lines of one metric have to stand together, under one `HELP` and one `TYPE`.
 *
 * @param texts - Of registries that differ in a label on every series, so that no series is told twice.
 */
export function mergeMetrics(texts: readonly string[]): string {
  const families = new Map<string, string[]>()
  for (const text of texts) {
    for (const family of text.trimEnd().split('\n\n')) {
      const lines = family.split('\n')
      const [help = ''] = lines
      const known = families.get(help)
      if (known === undefined) families.set(help, lines)
      else for (const series of lines.slice(2)) known.push(series)
    }
  }
  return `${[...families.values()].map((lines) => lines.join('\n')).join('\n\n')}\n`
}
