import type { RemoteStore } from '../store.ts'
import { createMemoryStore } from '../stores/memory.ts'

/** A store that answers when it is let: what counts in it is real, the wait is the test's. */
export interface WaitingStore extends RemoteStore {
  /** Takes that wait. */
  waiting(): number
  /** Lets every waiting take go on. */
  letGo(): void
  /** From now on takes go on at once, or fail at once. */
  become(state: 'waiting' | 'ready' | 'broken'): void
  /** Slots given back so far. */
  released(): number
}

/** Creates a waiting store over the memory of this process. */
export function createWaitingStore(): WaitingStore {
  const memory = createMemoryStore()
  let state: 'waiting' | 'ready' | 'broken' = 'waiting'
  let released = 0
  let pending: (() => void)[] = []
  const turn = (): Promise<void> => {
    if (state === 'broken') return Promise.reject(new Error('the store is gone'))
    return state === 'ready' ? Promise.resolve() : new Promise((resolve) => pending.push(resolve))
  }
  return {
    remote: true,
    take: async (takes, count, nowMs) => {
      await turn()
      memory.take(takes, count, nowMs)
    },
    clear: async (takes, count, nowMs) => memory.clear(takes, count, nowMs),
    async release(leases, nowMs) {
      released += leases.length
      memory.release(leases, nowMs)
    },
    mark: async (key, ttlMs, nowMs) => memory.mark(key, ttlMs, nowMs),
    nodes: () => 1,
    waiting: () => pending.length,
    letGo() {
      const going = pending
      pending = []
      for (const go of going) go()
    },
    become(next) {
      state = next
    },
    released: () => released,
  }
}
