import { Counter, type Histogram, type Registry } from '@prometheus-io/client'

/** Series one metric may have; a server has some hundred routes and a dozen of statuses. */
const MAX_SERIES = 5000

/** What a metric is called, says of itself and is told apart by. */
interface Description {
  readonly name: string
  readonly help: string
  readonly labelNames: readonly string[]
}

/** A counter of three labels. Counting is three look-ups and an addition: the registry gets the sums at a scrape. */
export function tally(
  registry: Registry,
  description: Description,
): (first: string, second: string, third: string | number, count: number) => void {
  const sums: { readonly labels: readonly [string, string, string]; pending: number }[] = []
  const counter = new Counter({
    ...description,
    registers: [registry],
    collect() {
      for (const sum of sums) {
        counter.labels(...sum.labels).inc(sum.pending)
        sum.pending = 0
      }
    },
  })
  const series = boundedSeries((...labels) => {
    const sum = { labels, pending: 0 }
    sums.push(sum)
    return sum
  })
  return (first, second, third, count) => {
    series(first, second, third).pending += count
  }
}

/** One series of a histogram between two scrapes. */
interface Spread {
  readonly labels: Readonly<Record<string, string>>
  /** How many values lie in each bucket and not in the one before; the last is beyond every bound. */
  readonly counts: Float64Array
  sum: number
}

/**
 * A histogram of one or two labels. Observing is a walk over the bounds and an addition, a tenth of what the library's own
 * costs on each request; the sums become buckets at a scrape.
 */
export function distribution(
  registry: Registry,
  description: Description & { readonly buckets: readonly number[] },
): (first: string, second: string, value: number) => void {
  const { name, help, labelNames, buckets } = description
  const spreads: Spread[] = []
  const get = () => ({
    name,
    help,
    type: 'histogram',
    aggregator: 'sum',
    values: spreads.flatMap((each) => bucketValues(name, buckets, each)),
  })
  // The registry asks a metric for nothing but its name and its values.
  registry.registerMetric({ name, get } as unknown as Histogram)
  const series = boundedSeries((...values) => {
    const labels = Object.fromEntries(labelNames.map((label, index) => [label, values[index] ?? '']))
    const spread = { labels, counts: new Float64Array(buckets.length + 1), sum: 0 }
    spreads.push(spread)
    return spread
  })
  return (first, second, value) => {
    const spread = series(first, second, '')
    let bucket = 0
    while (value > (buckets[bucket] ?? Number.POSITIVE_INFINITY)) bucket += 1
    spread.counts[bucket] = (spread.counts[bucket] ?? 0) + 1
    spread.sum += value
  }
}

function bucketValues(name: string, buckets: readonly number[], { labels, counts, sum }: Spread) {
  let below = 0
  const values = [...buckets, '+Inf'].map((le, index) => {
    below += counts[index] ?? 0
    return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: below }
  })
  return [
    ...values,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: below },
  ]
}

/** Finds the series of three labels, opening it the first time; past the bound there is one more, called `other`. */
function boundedSeries<Series extends object>(
  open: (first: string, second: string, third: string) => Series,
): (first: string, second: string, third: string | number) => Series {
  const known = new Map<string, Map<string, Map<string | number, Series>>>()
  let opened = 0
  let other: Series | undefined
  return (first, second, third) => {
    const found = known.get(first)?.get(second)?.get(third)
    if (found !== undefined) return found
    if (opened >= MAX_SERIES) {
      other ??= open('other', 'other', 'other')
      return other
    }
    opened += 1
    const made = open(first, second, String(third))
    branch(branch(known, first), second).set(third, made)
    return made
  }
}

function branch<Key, Value>(tree: Map<string, Map<Key, Value>>, key: string): Map<Key, Value> {
  let inner = tree.get(key)
  if (inner === undefined) {
    inner = new Map()
    tree.set(key, inner)
  }
  return inner
}
