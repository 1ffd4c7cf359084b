import { appendAudit } from '../../core/audit/append.ts'
import type { Context } from '../../core/context.ts'
import { tellNewDevice } from '../../core/identity/new-device.ts'
import { replaceSession } from '../../core/identity/replace-session.ts'
import { type ClientFacts, type OpenedSession, openSession } from '../../core/identity/session-kit.ts'
import { createChallenge, takeOwnChallenge } from './challenge.ts'
import { type PasskeyDependencies, personOf } from './person.ts'
import * as queries from './queries.ts'
import type { Assertion, PasskeyRequestOptions } from './schema.ts'
import { clientDataOf, countUse, methodsOf, provePasskey, refused } from './use.ts'
import { type ClientData, requestOptions } from './webauthn.ts'

/** Begins a sign-in of whoever holds a passkey: nothing is asked and nothing is said about who that may be. */
export function beginSignIn(
  context: Context,
  { party }: PasskeyDependencies,
  bound: { readonly transport: 'bearer' | 'cookie'; readonly browser: string | null },
): Promise<PasskeyRequestOptions> {
  return context.inTenant(async (tx) =>
    requestOptions(party, await createChallenge(tx, context, { use: 'sign-in', ...bound }), []),
  )
}

/**
 * Signs the holder of a passkey in, at the second level: it is something they have, and their device has verified them.
 *
 * @param clientData - whose challenge has been used up.
 * @param isKnownDevice - whether the account of an address has been signed in to with this device before.
 * @returns the session, and what names the account on a device (see `emailNorm`).
 * @throws ProblemError `passkey-refused`.
 */
export async function completeSignIn(
  context: Context,
  dependencies: PasskeyDependencies,
  clientData: ClientData,
  assertion: Assertion,
  session: { readonly transport: 'bearer' | 'cookie'; readonly client: ClientFacts },
  isKnownDevice: (emailNorm: string) => boolean,
): Promise<{ readonly session: OpenedSession; readonly emailNorm: string }> {
  const tenantId = context.tenant.id
  const { kit, mail } = dependencies
  // It says who it is by itself: nobody was asked.
  if (!assertion.response.userHandle) throw refused('no-person')
  const passkey = await provePasskey(context, dependencies, clientData, assertion)
  const { userId, emailNorm, lastLoginAt } = passkey
  const amr = methodsOf(passkey.shown)
  const opened = await context.inTenant(async (tx) => {
    if (!(await countUse(tx, context, dependencies, passkey))) return undefined
    const nowMs = kit.clock.now()
    const { transport, client } = session
    const arrival = { tenantId, userId, userAgent: client.userAgent, transport, lastLoginAt, nowMs }
    await tellNewDevice(tx, mail, { ...arrival, isKnownDevice: isKnownDevice(emailNorm) })
    const made = await openSession(tx, kit, { tenantId, userId, aal: 2, amr, isSignIn: true, ...session })
    await appendAudit(
      tx,
      { ...context, actor: { kind: 'user', id: userId } },
      {
        action: 'session.opened',
        resource: { type: 'session', id: made.sessionId },
        changes: { amr, passkey: passkey.id },
      },
    )
    return made
  })
  if (opened === undefined) throw refused('count')
  return { session: opened, emailNorm }
}

/** Begins to prove again who one is, with any passkey of one's own. */
export function beginStepUp(context: Context, { party }: PasskeyDependencies): Promise<PasskeyRequestOptions> {
  const { id: userId, sessionId } = personOf(context)
  return context.inTenant(async (tx) => {
    const known = await queries.listPasskeys(tx, context.tenant.id, userId)
    const challenge = await createChallenge(tx, context, { use: 'step-up', userId, sessionId })
    return requestOptions(
      party,
      challenge,
      known.filter(({ suspected_at }) => suspected_at === null),
    )
  })
}

/**
 * Puts a session of the second level, with a fresh proof, in the place of the person's own.
 *
 * @throws ProblemError `passkey-refused`, also for a passkey of somebody else.
 */
export async function completeStepUp(
  context: Context,
  dependencies: PasskeyDependencies,
  assertion: Assertion,
  client: ClientFacts,
): Promise<OpenedSession> {
  const tenantId = context.tenant.id
  const person = personOf(context)
  const clientData = clientDataOf(dependencies, assertion)
  if (!(await takeOwnChallenge(context, clientData.challenge, 'step-up', person))) throw refused('challenge')
  const passkey = await provePasskey(context, dependencies, clientData, assertion)
  if (passkey.userId !== person.id) throw refused('wrong-person')
  const session = await context.inTenant(async (tx) => {
    if (!(await countUse(tx, context, dependencies, passkey))) return undefined
    const shown = methodsOf(passkey.shown)
    const made = await replaceSession(tx, dependencies.kit, {
      ...{ tenantId, person, shown, client },
      ...{ aal: 2, restriction: null, reason: 'step-up' },
    })
    await appendAudit(tx, context, {
      action: 'session.renewed',
      resource: { type: 'session', id: made.sessionId },
      changes: { from: person.sessionId, aal: made.aal, amr: made.amr },
    })
    return made
  })
  if (session === undefined) throw refused('count')
  return session
}
