import { appendAudit } from '../../core/audit/append.ts'
import type { Context } from '../../core/context.ts'
import type { PasswordHasher } from '../../core/credentials/password-hasher.ts'
import { lockAccount } from '../../core/identity/account-lock.ts'
import { unlessBusy } from '../../core/identity/busy.ts'
import { assertNewPassword, type PasswordJudge } from '../../core/identity/new-password.ts'
import { outdatedByPassword, withdrawOneTimeTokens } from '../../core/identity/one-time-tokens.ts'
import { type ClientFacts, type OpenedSession, openSession, type SessionKit } from '../../core/identity/session-kit.ts'
import { revokeSessions } from '../../core/identity/session-queries.ts'
import type { MailQueue } from '../../core/mail/outbox.ts'
import { ProblemError } from '../../core/problem.ts'
import * as queries from './queries.ts'
import { personOf } from './service.ts'

export interface PasswordChanger extends PasswordJudge {
  readonly kit: SessionKit
  readonly hasher: PasswordHasher
  readonly mail: MailQueue
}

/** The person of a call, as their own password is asked for. */
export async function readOwner(context: Context) {
  const person = personOf(context)
  const row = await context.inTenant((tx) => queries.findPerson(tx, context.tenant.id, person.id))
  if (row === undefined) throw new ProblemError('credential-invalid')
  return row
}

/**
 * Changes the password of somebody who knows the present one. Every other session ends, this one goes on under another id
 * and other tokens, and links that were sent to choose a password are worth nothing any more.
 *
 * @param owner - of `readOwner`.
 * @throws ProblemError `sign-in-refused` for a wrong present password, `invalid-content` for a new one that will not do,
 * `credential-invalid` when the session has ended meanwhile.
 */
export async function changePassword(
  context: Context,
  dependencies: PasswordChanger,
  owner: Awaited<ReturnType<typeof readOwner>>,
  passwords: { readonly current: string; readonly next: string },
  client: ClientFacts,
): Promise<OpenedSession> {
  const { kit, hasher, mail } = dependencies
  const person = personOf(context)
  const tenantId = context.tenant.id
  const verdict = await unlessBusy(hasher.verifyAlways(passwords.current, owner.hash ?? undefined))
  if (!verdict.matches || owner.hash === null) throw new ProblemError('sign-in-refused')
  const from = owner.hash
  await assertNewPassword(dependencies, context, passwords.next, owner, '/newPassword')
  const to = await unlessBusy(hasher.hash(passwords.next))

  return context.inTenant(async (tx) => {
    await lockAccount(tx, tenantId, owner.id)
    // Of two at once that know the same password, one changes it.
    if (!(await queries.changeHash(tx, tenantId, owner.id, { from, to }))) throw new ProblemError('sign-in-refused')
    const end = await queries.findSessionEnd(tx, tenantId, person.sessionId)
    const ended = await revokeSessions(tx, tenantId, { userId: owner.id }, 'password-changed')
    // It goes on in the place of this session: of one that was ended meanwhile nothing goes on.
    if (!ended.includes(person.sessionId)) throw new ProblemError('credential-invalid', { reason: 'session' })
    await withdrawOneTimeTokens(tx, tenantId, owner.id, outdatedByPassword)
    const at = new Date(context.clock.now()).toISOString()
    await mail.queueMail(tx, { template: 'password-changed', to: { userId: owner.id }, data: { at } })
    const opened = await openSession(tx, kit, {
      tenantId,
      userId: owner.id,
      aal: person.aal,
      amr: person.amr,
      transport: person.transport,
      restriction: person.restriction,
      client,
      ...(end !== undefined && { absoluteExpiresAt: end.absolute_expires_at }),
    })
    const resource = { type: 'user', id: owner.id }
    await appendAudit(tx, context, { action: 'password.changed', resource, changes: { session: opened.sessionId } })
    return opened
  })
}
