/** The keys that one counter was asked for lately. */
export interface KeyMemory<Key> {
  get(name: string): Key | undefined
  set(name: string, key: Key): void
}

/** Keys remembered in each of two generations, of all counters together: some 250 bytes each. */
const REMEMBERED = 16_384

/**
 * Answers what makes memories for any number of counters that share one bound: when the young keys of
 * all of them are so many, they become the old ones, and what is still asked for moves back.
 */
export function createKeyMemory<Key>(): () => KeyMemory<Key> {
  let generation = 0
  let youngKeys = 0

  return () => {
    let seen = generation
    let young = new Map<string, Key>()
    let old = new Map<string, Key>()

    const grow = (): void => {
      old = seen === generation - 1 ? young : new Map()
      young = new Map()
      seen = generation
    }
    const set = (name: string, key: Key): void => {
      if (youngKeys >= REMEMBERED) {
        generation += 1
        youngKeys = 0
      }
      if (seen !== generation) grow()
      youngKeys += 1
      young.set(name, key)
    }
    return {
      get(name) {
        if (seen !== generation) grow()
        const recent = young.get(name)
        if (recent !== undefined) return recent
        const key = old.get(name)
        if (key !== undefined) set(name, key)
        return key
      },
      set,
    }
  }
}
