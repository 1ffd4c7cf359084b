import type { Scope } from '../../core/access/access.ts'
import type { Context } from '../../core/context.ts'
import { assertHoldsAll, holdingsOfActor } from '../../core/identity/holdings.ts'
import type { Tx } from '../../database/tenant.ts'

/** What it takes to read what an event is about. Every other one is about a person of the tenant. */
const readers: Readonly<Record<string, Scope>> = {
  'lead.submitted': 'leads:read',
  'contact.received': 'contact:read',
  'gate.registered': 'gates:read',
}

/**
 * Whoever sends personal data somewhere reads it there: nobody has a webhook told what they may not read themselves. It
 * goes on for as long as the webhook is there, so a role that ends, or a grant of the platform, does not do.
 *
 * @throws ProblemError `beyond-own-rights`.
 */
export async function assertMayRead(tx: Tx, context: Context, events: readonly string[]): Promise<void> {
  const needed = new Set(events.map((event) => readers[event] ?? 'users:read'))
  assertHoldsAll(await holdingsOfActor(tx, context), [...needed], null)
}
