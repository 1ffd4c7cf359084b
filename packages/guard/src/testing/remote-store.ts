import type { RemoteStore, Take } from '../store.ts'
import { createMemoryStore } from '../stores/memory.ts'

/** A store that answers when the test says so, or not at all. */
export interface HeldStore extends RemoteStore {
  /** `answer`: at the next turn. `hold`: when `letGo` is called. `fail`: rejects. `throw`: does not even promise. */
  behaviour: 'answer' | 'hold' | 'fail' | 'throw'
  nodeCount: number
  /** Answers every call held. */
  letGo(): void
  /** The sets of takes lent to calls that have not been answered. */
  readonly lent: Set<readonly Take[]>
  /** Leases given back. */
  released: number
}

/** Creates a remote store over a memory of its own. */
export function createHeldStore(): HeldStore {
  const memory = createMemoryStore({ budgetBytes: 1_048_576 })
  const held: (() => void)[] = []
  const lent = new Set<readonly Take[]>()

  const answer = <Value>(act: () => Value): Promise<Value> => {
    if (store.behaviour === 'throw') throw new Error('no connection')
    if (store.behaviour === 'fail') return Promise.reject(new Error('READONLY'))
    if (store.behaviour === 'answer') return Promise.resolve().then(act)
    return new Promise((resolve) => {
      held.push(() => resolve(act()))
    })
  }
  const store: HeldStore = {
    remote: true,
    behaviour: 'answer',
    nodeCount: 1,
    lent,
    released: 0,
    letGo() {
      for (const act of held.splice(0)) act()
    },
    take(takes, count, nowMs) {
      const answered = answer(() => {
        memory.take(takes, count, nowMs)
        lent.delete(takes)
      })
      lent.add(takes)
      return answered
    },
    clear: (takes, count, nowMs) => answer(() => memory.clear(takes, count, nowMs)),
    release: (leases, nowMs) =>
      answer(() => {
        store.released += leases.length
        memory.release(leases, nowMs)
      }),
    mark: (key, ttlMs, nowMs) => answer(() => memory.mark(key, ttlMs, nowMs)),
    nodes: () => store.nodeCount,
  }
  return store
}
