import { createMemoryStore } from '../memory.ts'
import { describeStore } from '../store-contract.ts'

describeStore('a memory store', async () => {
  let nowMs = 1_000_000
  return {
    store: createMemoryStore({ budgetBytes: 1_048_576 }),
    nowMs: () => nowMs,
    async elapse(ms) {
      nowMs += ms
    },
    close: async () => undefined,
  }
})
