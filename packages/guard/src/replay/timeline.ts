/** Counts over time, in at most {@link MOST_BUCKETS} buckets of equal width. */
export interface Timeline {
  /** Adds one to a column. Times may come in any order; those before the first stand in the first bucket. */
  add(second: number, column: number): void
  read(): TimelineReading
}

/** A timeline as it stands. */
export interface TimelineReading {
  /** Unix seconds; a multiple of the width. */
  readonly startSecond: number
  readonly widthSeconds: number
  /** One list for each column, one number for each bucket. */
  readonly columns: readonly (readonly number[])[]
}

const MOST_BUCKETS = 240

/** Widths that a person reads easily; each is a multiple of the one before. */
const widths = [60, 300, 900, 3_600, 10_800, 21_600, 43_200, 86_400, 604_800, 2_419_200, 31_449_600, 314_496_000]

/** Creates a timeline that begins with buckets of a minute and widens them as the log goes on. */
export function createTimeline(columnCount: number): Timeline {
  let level = 0
  let width = widths[0] ?? 60
  let start = -1
  let last = 0
  let counts = new Float64Array(MOST_BUCKETS * columnCount)
  /** The bucket added to last, which is nearly always the one added to next. */
  let from = Infinity
  let at = 0

  const widen = (): void => {
    const wider = widths[level + 1] ?? width * 2
    const begin = Math.floor(start / wider) * wider
    const next = new Float64Array(counts.length)
    for (let bucket = 0; bucket <= last; bucket += 1) {
      const target = Math.floor((start + bucket * width - begin) / wider)
      for (let column = 0; column < columnCount; column += 1) {
        const to = target * columnCount + column
        next[to] = (next[to] ?? 0) + (counts[bucket * columnCount + column] ?? 0)
      }
    }
    last = Math.floor((start + last * width - begin) / wider)
    counts = next
    start = begin
    width = wider
    level += 1
  }

  const find = (second: number): number => {
    if (start < 0) start = Math.floor(second / width) * width
    let bucket = Math.max(0, Math.floor((second - start) / width))
    while (bucket >= MOST_BUCKETS) {
      widen()
      bucket = Math.max(0, Math.floor((second - start) / width))
    }
    if (bucket > last) last = bucket
    from = start + bucket * width
    return bucket * columnCount
  }

  return {
    add(second, column) {
      if (!(second >= from && second < from + width)) at = find(second)
      counts[at + column] = (counts[at + column] ?? 0) + 1
    },
    read() {
      const columns = Array.from({ length: columnCount }, (_, column) =>
        Array.from({ length: start < 0 ? 0 : last + 1 }, (_each, bucket) => counts[bucket * columnCount + column] ?? 0),
      )
      return { startSecond: Math.max(0, start), widthSeconds: width, columns }
    },
  }
}
