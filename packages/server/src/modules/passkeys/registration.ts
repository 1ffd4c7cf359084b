import { appendAudit } from '../../core/audit/append.ts'
import type { Context } from '../../core/context.ts'
import { deviceLabel } from '../../core/identity/device-label.ts'
import { findLiving } from '../../core/identity/session-queries.ts'
import { createId } from '../../core/ids.ts'
import { ProblemError } from '../../core/problem.ts'
import type { Tx } from '../../database/tenant.ts'
import { createChallenge, takeOwnChallenge } from './challenge.ts'
import { tell } from './notices.ts'
import { assertFactorShown, type PasskeyDependencies, personOf } from './person.ts'
import * as queries from './queries.ts'
import type { Passkey, PasskeyCreationOptions, Registration } from './schema.ts'
import { describe } from './service.ts'
import { creationOptions, readClientData, verifyMade } from './webauthn.ts'

/** Passkeys of one person. */
const MOST = 20

/**
 * Begins to add a passkey. Authenticators that hold one of the person's make no second one.
 *
 * @throws ProblemError `passkey-limit`, `step-up-required`.
 */
export function beginRegistration(
  context: Context,
  dependencies: PasskeyDependencies,
): Promise<PasskeyCreationOptions> {
  const { tenant } = context
  const person = personOf(context)
  return context.inTenant(async (tx) => {
    const known = await assertMayAdd(tx, context, dependencies)
    const owner = await queries.findOwner(tx, tenant.id, person.id)
    if (owner === undefined) throw new ProblemError('credential-invalid')
    const bound = { use: 'registration', userId: person.id, sessionId: person.sessionId } as const
    const challenge = await createChallenge(tx, context, bound)
    return creationOptions(dependencies.party, { id: person.id, site: tenant.name, ...owner }, challenge, known)
  })
}

/**
 * Adds the passkey that was made. Its owner is told.
 *
 * @throws ProblemError `passkey-invalid`, `passkey-known`, `passkey-limit`, `step-up-required`, `credential-invalid` when
 * the session has ended meanwhile.
 */
export async function completeRegistration(
  context: Context,
  dependencies: PasskeyDependencies,
  { credential, label }: { readonly credential: Registration; readonly label: string | undefined },
  userAgent: string | undefined,
): Promise<Passkey> {
  const { party, mail } = dependencies
  const tenantId = context.tenant.id
  const person = personOf(context)
  const { response } = credential
  const clientData = readClientData(party, response.clientDataJSON)
  if (clientData === undefined) throw new ProblemError('passkey-invalid', { reason: 'client-data' })
  if (!(await takeOwnChallenge(context, clientData.challenge, 'registration', person))) {
    throw new ProblemError('passkey-invalid', { reason: 'challenge' })
  }
  const made = await verifyMade(party, clientData, credential)
  if (made === undefined) throw new ProblemError('passkey-invalid', { reason: 'credential' })

  return context.inTenant(async (tx) => {
    // Two at once count each other.
    if (!(await queries.lockOwner(tx, tenantId, person.id))) throw new ProblemError('credential-invalid')
    // It would outlive a session that its owner has ended meanwhile.
    if ((await findLiving(tx, tenantId, person.id, person.sessionId)) === undefined) {
      throw new ProblemError('credential-invalid', { reason: 'session' })
    }
    await assertMayAdd(tx, context, dependencies)
    const row = {
      tenant_id: tenantId,
      id: createId(),
      user_id: person.id,
      credential_id: made.credentialId,
      public_key: made.publicKey,
      sign_count: made.signCount,
      transports: (response.transports ?? []).filter((each) => transports.has(each)),
      aaguid: made.aaguid,
      is_backup_eligible: made.isBackupEligible,
      is_backed_up: made.isBackedUp,
      label: label ?? deviceLabel(userAgent) ?? unnamed[context.locale],
      created_at: new Date(context.clock.now()),
    }
    if (!(await queries.insertPasskey(tx, row))) throw new ProblemError('passkey-known')
    await tell(tx, mail, person.id, 'passkey-added', context.clock.now())
    await appendAudit(tx, context, {
      action: 'passkey.added',
      resource: { type: 'passkey', id: row.id },
      changes: { synced: made.isBackedUp },
    })
    return describe({ ...row, last_used_at: null, suspected_at: null })
  })
}

/** WebAuthn Level 3 §5.8.4, and `cable`, which older browsers say for `hybrid`. */
const transports: ReadonlySet<string> = new Set(['usb', 'nfc', 'ble', 'smart-card', 'hybrid', 'internal', 'cable'])

const unnamed = { en: 'Passkey', fr: 'Clé d’accès' }

async function assertMayAdd(tx: Tx, context: Context, dependencies: PasskeyDependencies) {
  const person = personOf(context)
  await assertFactorShown(tx, dependencies, context.tenant.id, person)
  const known = await queries.listPasskeys(tx, context.tenant.id, person.id)
  if (known.length >= MOST) throw new ProblemError('passkey-limit')
  return known
}
