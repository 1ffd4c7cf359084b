import { appendAudit } from '../../core/audit/append.ts'
import type { Context } from '../../core/context.ts'
import { cancelFactorReset } from '../../core/identity/factor-reset.ts'
import { ProblemError } from '../../core/problem.ts'
import type { Tx } from '../../database/tenant.ts'
import { tell } from './notices.ts'
import type { PasskeyDependencies } from './person.ts'
import * as queries from './queries.ts'
import type { Assertion } from './schema.ts'
import { type ClientData, readClientData, type ShownCredential, userHandle, verifyShown } from './webauthn.ts'

/** A passkey whose signature holds. Whether its count may be believed is seen in the transaction that it opens. */
export interface ProvenPasskey {
  readonly id: string
  readonly userId: string
  readonly emailNorm: string
  readonly lastLoginAt: Date | null
  readonly shown: ShownCredential
}

/** @throws ProblemError `passkey-refused` for what no page of ours asked for. */
export function clientDataOf({ party }: Pick<PasskeyDependencies, 'party'>, { response }: Assertion): ClientData {
  const clientData = readClientData(party, response.clientDataJSON)
  if (clientData === undefined) throw refused('client-data')
  return clientData
}

/**
 * Whose passkey it is, once its signature holds. One answer to an unknown one, to one of somebody who may not sign in, and
 * to one that does not hold; the tenant's audit log says which, where a person is concerned.
 *
 * @param clientData - whose challenge has been used up.
 * @throws ProblemError `passkey-refused`.
 */
export async function provePasskey(
  context: Context,
  { party }: Pick<PasskeyDependencies, 'party'>,
  clientData: ClientData,
  assertion: Assertion,
): Promise<ProvenPasskey> {
  const { tenant } = context
  const credentialId = Buffer.from(assertion.id, 'base64url')
  const found = await context.inTenant((tx) => queries.findByCredential(tx, tenant.id, credentialId))
  if (found === undefined) throw refused('unknown-passkey')
  const shown = await verifyShown(party, clientData, assertion, found.public_key)
  const reason = faultOf(found, assertion, shown)
  if (shown === undefined || reason !== undefined) {
    await auditRefusal(context, found.user_id, reason ?? '')
    throw refused(reason ?? '')
  }
  const { id, user_id: userId, email_norm: emailNorm, last_login_at: lastLoginAt } = found
  return { id, userId, emailNorm, lastLoginAt, shown }
}

type Found = NonNullable<Awaited<ReturnType<typeof queries.findByCredential>>>

function faultOf(found: Found, { response }: Assertion, shown: ShownCredential | undefined): string | undefined {
  if (shown === undefined) return 'wrong-signature'
  const handle = response.userHandle
  // Authenticators may leave it out where they were told which passkey to use.
  if (handle && handle !== userHandle(found.user_id).toString('base64url')) return 'wrong-person'
  if (shown.isBackupEligible !== found.is_backup_eligible) return 'wrong-kind'
  if (found.is_suspected) return 'suspected-passkey'
  return found.may_sign_in ? undefined : 'inactive'
}

/**
 * Counts a use, in the transaction of what it opens, and calls off what was asked about a lost factor. A passkey whose count
 * does not go up has a copy somewhere: it is good for nothing from then on, whichever of the two it was, and its owner is
 * told. Let the transaction be committed then too.
 *
 * @returns whether it counts, and its person may still sign in.
 * @see WebAuthn §6.1.1
 */
export async function countUse(
  tx: Tx,
  context: Context,
  { mail, kit }: Pick<PasskeyDependencies, 'mail' | 'kit'>,
  { id, userId, shown }: ProvenPasskey,
): Promise<boolean> {
  const tenantId = context.tenant.id
  if (!(await queries.lockOwner(tx, tenantId, userId))) return false
  const at = new Date(kit.clock.now())
  const use = { id, signCount: shown.signCount, isBackedUp: shown.isBackedUp, at }
  if (await queries.noteUse(tx, tenantId, use)) {
    // What is shown is not lost.
    await cancelFactorReset(tx, tenantId, userId)
    return true
  }
  if (await queries.suspect(tx, tenantId, id, at)) {
    await tell(tx, mail, userId, 'passkey-suspected', kit.clock.now())
    await appendAudit(tx, context, {
      action: 'passkey.suspected',
      outcome: 'refused',
      resource: { type: 'passkey', id },
      changes: { user: userId, count: shown.signCount },
    })
  }
  return false
}

/** How an assertion names a passkey (RFC 8176): a key of one device or one that is synced, and the person verified by it. */
export const methodsOf = ({ isBackupEligible }: ShownCredential): readonly string[] => [
  isBackupEligible ? 'swk' : 'hwk',
  'user',
]

export const refused = (reason: string): ProblemError => new ProblemError('passkey-refused', { reason })

async function auditRefusal(context: Context, userId: string, reason: string): Promise<void> {
  await context.inTenant((tx) =>
    appendAudit(tx, context, {
      action: 'session.refused',
      outcome: 'refused',
      resource: { type: 'user', id: userId },
      changes: { reason },
    }),
  )
}
