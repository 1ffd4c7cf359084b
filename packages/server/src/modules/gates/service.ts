import type { Context } from '../../core/context.ts'
import { createId } from '../../core/ids.ts'
import { ProblemError } from '../../core/problem.ts'
import { canonicalEmail } from '../../core/shapes/email.ts'
import {
  type NumberedPage,
  numberedPageReply,
  type Page,
  pageReply,
  pageRequest,
} from '../../core/shapes/pagination.ts'
import type { Tx } from '../../database/tenant.ts'
import * as queries from './queries.ts'
import type { Gate, GateChange, GateInput, GateQuery, Registration, RegistrationQuery } from './schema.ts'

/** The gates of the tenant, newest first. */
export function listGates(context: Context, query: GateQuery): Promise<NumberedPage<Gate>> {
  const request = pageRequest(query)
  return context.inTenant(async (tx) => {
    const [rows, total] = await Promise.all([queries.listGates(tx, request), queries.countGates(tx)])
    return numberedPageReply(rows, total, request, toGate)
  })
}

/** Opens a gate. @throws ProblemError `slug-taken`. */
export function createGate(context: Context, input: GateInput): Promise<Gate> {
  const row = {
    tenant_id: context.tenant.id,
    id: createId(),
    slug: input.slug,
    name: input.name.trim(),
    capacity: input.capacity,
    is_public: input.isPublic ?? false,
  }
  return refusingTakenSlug(async () => toGate(await context.inTenant((tx) => queries.insertGate(tx, row))))
}

/** @throws ProblemError `gate-not-found`, also for a gate of another tenant. */
export async function readGate(context: Context, slug: string): Promise<Gate> {
  return toGate(found(await context.readInTenant((handle) => queries.findGate(handle, slug))))
}

/**
 * Changes what is named and leaves the rest. With more capacity the first that wait get the places, in the order in which
 * they came; with less nobody loses one.
 *
 * @throws ProblemError `gate-not-found`, `slug-taken`.
 */
export function changeGate(context: Context, slug: string, change: GateChange): Promise<Gate> {
  const now = new Date(context.clock.now())
  const changes = {
    ...(change.slug !== undefined && { slug: change.slug }),
    ...(change.name !== undefined && { name: change.name.trim() }),
    ...(change.capacity !== undefined && { capacity: change.capacity }),
    ...(change.isPublic !== undefined && { is_public: change.isPublic }),
  }
  return refusingTakenSlug(() =>
    context.inTenant(async (tx) => {
      const { id } = found(await queries.lockGate(tx, slug))
      await queries.updateGate(tx, id, changes, now)
      return toGate(await fillPlaces(tx, id, now))
    }),
  )
}

/** Deletes a gate and its registrations for good. @throws ProblemError `gate-not-found`. */
export async function deleteGate(context: Context, slug: string): Promise<void> {
  if (!(await context.inTenant((tx) => queries.deleteGate(tx, slug)))) throw new ProblemError('gate-not-found')
}

/** The registrations of a gate, newest first. @throws ProblemError `gate-not-found`. */
export function listRegistrations(
  context: Context,
  slug: string,
  query: RegistrationQuery,
): Promise<Page<Registration>> {
  const request = pageRequest(query)
  // Registrations are stored under the canonical form of their address.
  const email = query.email === undefined ? undefined : (canonicalEmail(query.email) ?? query.email)
  const filter = { status: query.status, email }
  return context.inTenant(async (tx) => {
    const { id } = found(await queries.findGate(tx, slug))
    const [rows, total] = await Promise.all([
      queries.listRegistrations(tx, id, request, filter),
      queries.countRegistrations(tx, id, filter),
    ])
    return pageReply(rows, total, request, toRegistration)
  })
}

/**
 * Deletes a registration for good. A place that is free thereby goes to the first that waits, at once: whoever comes later
 * cannot take it.
 *
 * @throws ProblemError `gate-not-found`, `registration-not-found`.
 */
export function deleteRegistration(context: Context, slug: string, id: string): Promise<void> {
  const now = new Date(context.clock.now())
  return context.inTenant(async (tx) => {
    const gate = found(await queries.lockGate(tx, slug))
    if (!(await queries.deleteRegistration(tx, gate.id, id))) throw new ProblemError('registration-not-found')
    await fillPlaces(tx, gate.id, now)
  })
}

/** Gives every free place of a locked gate to one that waits, and counts anew. */
async function fillPlaces(tx: Tx, gateId: string, now: Date): Promise<GateRow> {
  const gate = await queries.recountGate(tx, gateId)
  const promoted = Math.min(gate.capacity - gate.registered, gate.waitlisted)
  if (promoted <= 0) return gate
  await queries.promoteWaiting(tx, gateId, promoted, now)
  return await queries.recountGate(tx, gateId)
}

async function refusingTakenSlug<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const isTaken = error instanceof Error && 'constraint' in error && error.constraint === 'gate_tenant_id_slug_key'
    throw isTaken ? new ProblemError('slug-taken') : error
  }
}

function found<T>(row: T | undefined): T {
  if (row === undefined) throw new ProblemError('gate-not-found')
  return row
}

type GateRow = NonNullable<Awaited<ReturnType<typeof queries.findGate>>>

function toGate(row: GateRow): Gate {
  return {
    id: row.id,
    slug: row.slug,
    name: row.name,
    capacity: row.capacity,
    isPublic: row.is_public,
    registered: row.registered,
    waitlisted: row.waitlisted,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  }
}

type RegistrationRow = Awaited<ReturnType<typeof queries.listRegistrations>>[number]

function toRegistration(row: RegistrationRow): Registration {
  // Check constraints hold the column to these values, and the data to an object.
  const status = row.status as Registration['status']
  return {
    id: row.id,
    email: row.email,
    name: row.name,
    data: row.data as Registration['data'],
    status,
    position: status === 'waitlisted' ? row.position : null,
    createdAt: row.created_at.toISOString(),
    registeredAt: row.registered_at?.toISOString() ?? null,
  }
}
