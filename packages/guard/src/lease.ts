import { randomBytes } from 'node:crypto'
import type { HeldLease, RemoteStore, Store, Take } from './store.ts'

/**
 * The slots that one admitted request holds. The first release gives them back; any other, from
 * whatever end of the request it comes, does nothing.
 */
export interface Lease {
  /**
   * Gives the slots back to the store that lent them. It never rejects: a store that does not answer
   * lets them expire.
   *
   * @param nowMs - The clock that the decision was made with.
   */
  readonly release: (nowMs: number) => void
}

const processName = randomBytes(9).toString('base64url')
let issued = 0

/** A name for a slot that no other request of any process has. */
export function nextLeaseId(): string {
  issued += 1
  return `${processName}.${issued.toString(36)}`
}

/** The lease over the slots that these takes were given, or undefined when there is none. */
export function createLease(takes: readonly Take[], count: number, store: Store | RemoteStore): Lease | undefined {
  const held: HeldLease[] = []
  for (let index = 0; index < count; index += 1) {
    const take = takes[index]
    if (!take?.active || !take.charged || take.counter.shape !== 'leases') continue
    held.push({ counter: take.counter, values: [...take.values], leaseId: take.leaseId })
  }
  if (held.length === 0) return undefined
  let settled = false
  return {
    release(nowMs) {
      if (settled) return
      settled = true
      if (store.remote) store.release(held, nowMs).catch(() => undefined)
      else store.release(held, nowMs)
    },
  }
}
