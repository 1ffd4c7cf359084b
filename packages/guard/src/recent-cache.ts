/** What was asked for lately, by its text. */
export interface RecentCache<Value> {
  get(text: string): Value | undefined
  set(text: string, value: Value): void
  /** Values held, at most twice the capacity. */
  size(): number
}

/**
 * Remembers values in two generations of `capacity` each: when the young one is full it becomes the
 * old one, and what is still asked for moves back. A flood of texts costs a bounded memory and no scan.
 */
export function createRecentCache<Value>(capacity: number): RecentCache<Value> {
  let young = new Map<string, Value>()
  let old = new Map<string, Value>()

  const set = (text: string, value: Value): void => {
    if (young.size >= capacity) {
      old = young
      young = new Map()
    }
    young.set(text, value)
  }
  return {
    get(text) {
      const recent = young.get(text)
      if (recent !== undefined) return recent
      const value = old.get(text)
      if (value !== undefined) set(text, value)
      return value
    },
    set,
    size: () => young.size + old.size,
  }
}
