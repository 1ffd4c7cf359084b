import { includesPermission, permissions } from '../../core/access/access.ts'
import { appendAudit } from '../../core/audit/append.ts'
import type { Context, Person } from '../../core/context.ts'
import { revokeSessions } from '../../core/identity/session-queries.ts'
import { ProblemError } from '../../core/problem.ts'
import * as queries from './queries.ts'
import type { Me } from './schema.ts'

/** The person of a call on a route that takes nobody else. @throws ProblemError `session-required`. */
export function personOf({ actor }: Context): Person {
  if (actor.kind !== 'user') throw new ProblemError('session-required')
  return actor
}

/** Who is signed in, what they may do, and by what. */
export function describeMe(context: Context): Promise<Me> {
  const person = personOf(context)
  const { tenant } = context
  return context.inTenant(async (tx) => {
    const [row, roles] = await Promise.all([
      queries.findPerson(tx, tenant.id, person.id),
      queries.findRoleCodes(tx, tenant.id, person.id),
    ])
    if (row === undefined) throw new ProblemError('credential-invalid')
    return {
      user: {
        id: row.id,
        email: row.email,
        name: row.name,
        // The column has a check constraint with exactly these values.
        locale: row.locale as 'en' | 'fr',
        emailVerified: row.email_verified_at !== null,
      },
      tenant: { id: tenant.id, slug: tenant.slug, name: tenant.name },
      roles: [...roles],
      permissions: permissions.filter((permission) => includesPermission(person.permissions, permission)),
      session: {
        id: person.sessionId,
        aal: person.aal,
        amr: [...person.amr],
        authTime: new Date(person.authTimeMs).toISOString(),
        restriction: person.restriction,
      },
    }
  })
}

/** Ends this session, or every session of the person. Its tokens are worth nothing from then on, in every process. */
export async function signOut(context: Context, isAll: boolean): Promise<void> {
  const { id: userId, sessionId } = personOf(context)
  await context.inTenant(async (tx) => {
    const chosen = isAll ? { userId } : { userId, sessionId }
    const ended = await revokeSessions(tx, context.tenant.id, chosen, 'signed-out')
    await appendAudit(tx, context, {
      action: 'session.ended',
      resource: { type: 'user', id: userId },
      changes: { reason: 'signed-out', sessions: ended },
    })
  })
}
