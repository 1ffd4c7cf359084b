import { isFilled } from '../../core/challenge/form-defence.ts'
import type { Context } from '../../core/context.ts'
import { createId } from '../../core/ids.ts'
import { ProblemError } from '../../core/problem.ts'
import { canonicalEmail } from '../../core/shapes/email.ts'
import { type Batcher, createBatcher } from '../../core/work/batcher.ts'
import { isRowFault, type Pool } from '../../database/connect.ts'
import { type Arrival, type ArrivalVerdict, registerArrivals } from './intake-queries.ts'
import type { RegistrationInput, RegistrationReceipt } from './schema.ts'

/** Where arrivals at gates enter the database, many in one commit. */
export type GateIntake = Batcher<Arrival, ArrivalVerdict>

/** Group commit of arrivals. Those of one gate travel in one batch at a time: in the database they would wait for its row. */
export function createGateIntake(pool: Pool, onBatch?: (rows: number) => void): GateIntake {
  return createBatcher<Arrival, ArrivalVerdict>({
    laneOf: ({ tenantId, slug }) => `${tenantId}/${slug}`,
    store: (arrivals) => registerArrivals(pool, arrivals),
    isRowFault,
    ...(onBatch && { onBatch }),
  })
}

/** What to answer, and what to note. */
export interface Arrived {
  readonly receipt: RegistrationReceipt
  /** For the log alone. */
  readonly fate: 'stored' | 'replayed' | 'dropped'
  readonly registrationId: string | undefined
}

/**
 * Registers an address at a gate, or puts it on the waiting list; an address that is there already stays where it is.
 *
 * Without an API key the answer is the same whatever happened (new, repeated, waiting, or dropped because a trap was
 * filled), and all of them take the same way through the same commit: nobody learns who is on the list or whether it is
 * full. With one the answer says where the address stands.
 *
 * @throws ProblemError `gate-not-found`; `authentication-required` at a gate that is not public; `invalid-submission` for
 *   a filled trap that came with an API key, since a site that passes on what visitors typed has to know.
 */
export async function registerAtGate(
  context: Context,
  intake: GateIntake,
  slug: string,
  input: RegistrationInput,
): Promise<Arrived> {
  const keyed = context.actor.kind !== 'public'
  const dropped = isFilled(input.honeypot) || isFilled(input.website)
  if (dropped && keyed) throw new ProblemError('invalid-submission', { reason: 'honeypot' })
  if (!isSlug(slug)) throw new ProblemError('gate-not-found')
  const row = {
    id: createId(),
    // The schema's `email` format is this very function, so the fallback is never reached.
    email: canonicalEmail(input.email) ?? input.email,
    name: input.name?.trim() ?? null,
    data: input.data ?? {},
    keyed,
    dropped,
  }
  return conclude(await intake.add({ tenantId: context.tenant.id, slug, row }), keyed)
}

const isSlug = (text: string): boolean => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(text)

function conclude(verdict: ArrivalVerdict, keyed: boolean): Arrived {
  switch (verdict.verdict) {
    case 'gate-not-found':
      throw new ProblemError('gate-not-found')
    case 'key-required':
      throw new ProblemError('authentication-required', { headers: { 'www-authenticate': 'Bearer' } })
    case 'dropped':
      return { receipt: { status: 'received' }, fate: 'dropped', registrationId: undefined }
    case 'stored':
    case 'repeated': {
      const { id, status, position } = verdict
      const full: RegistrationReceipt = { id, status, ...(position !== null && { position }) }
      return {
        receipt: keyed ? full : { status: 'received' },
        fate: verdict.verdict === 'stored' ? 'stored' : 'replayed',
        registrationId: id,
      }
    }
  }
}
