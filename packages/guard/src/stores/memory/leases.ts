import type { HeldLease, LeaseCounter, Take } from '../../store.ts'
import { canonicalKey } from '../canonical-key.ts'
import { addHolder, countHolders, hasLeaseRoom, removeHolder, untilFirstExpiry } from './tables/lease-table.ts'
import type { Tables } from './tables.ts'

/** Reads how many slots are held, without taking one. */
export function readLeases(take: Take, counter: LeaseCounter, { leases }: Tables, nowMs: number): void {
  const key = canonicalKey(counter, take.values)
  take.used = countHolders(leases, key, nowMs)
  take.freesMs = untilFirstExpiry(leases, key, nowMs)
  take.cooling = false
  take.fits = take.used < counter.capacity && hasLeaseRoom(leases, nowMs)
  take.waitMs = take.fits ? 0 : take.freesMs
}

/** Takes a slot of a counter that has just been read. */
export function chargeLeases(take: Take, counter: LeaseCounter, { leases }: Tables, nowMs: number): void {
  const key = canonicalKey(counter, take.values)
  addHolder(leases, key, take.leaseId, nowMs + counter.windowMs)
  take.used += 1
  take.freesMs = untilFirstExpiry(leases, key, nowMs)
}

/** Gives slots back. */
export function releaseLeases(held: readonly HeldLease[], { leases }: Tables): void {
  for (const { counter, values, leaseId } of held) removeHolder(leases, canonicalKey(counter, values), leaseId)
}
