import type { Tx } from '../../database/tenant.ts'

/** What a webhook that asks for it is told of the people an event concerns. */
type Personal = Readonly<Record<string, unknown>>

type Reader = (tx: Tx, tenantId: string, id: string) => Promise<Personal | undefined>

const readers: Readonly<Record<string, Reader>> = {
  async lead(tx, tenantId, id) {
    const row = await tx
      .selectFrom('lead')
      .select(['email', 'data', 'score', 'outcome'])
      .where('tenant_id', '=', tenantId)
      .where('id', '=', id)
      .executeTakeFirst()
    return row && { email: row.email, answers: row.data, score: row.score, outcome: row.outcome }
  },
  'contact-message': (tx, tenantId, id) =>
    tx
      .selectFrom('contact_message')
      .select(['name', 'email', 'subject', 'message', 'consent'])
      .where('tenant_id', '=', tenantId)
      .where('id', '=', id)
      .executeTakeFirst(),
  'gate-registration': (tx, tenantId, id) =>
    tx
      .selectFrom('gate_registration')
      .select(['email', 'name', 'data'])
      .where('tenant_id', '=', tenantId)
      .where('id', '=', id)
      .executeTakeFirst(),
  user: (tx, tenantId, id) =>
    tx
      .selectFrom('user_account')
      .select(['email', 'name'])
      .where('tenant_id', '=', tenantId)
      .where('id', '=', id)
      .where('erased_at', 'is', null)
      .executeTakeFirst(),
}

/**
 * What is personal about the resource of an event, as it is now: it is copied into no delivery, so that what was erased
 * before it is sent is not sent.
 *
 * @returns undefined for a kind of resource that has nothing of it; null when the resource is gone.
 */
export async function readPersonal(tx: Tx, tenantId: string, resource: unknown): Promise<Personal | null | undefined> {
  if (typeof resource !== 'object' || resource === null || !('type' in resource) || !('id' in resource))
    return undefined
  const { type, id } = resource
  const read = typeof type === 'string' && Object.hasOwn(readers, type) ? readers[type] : undefined
  return read === undefined || typeof id !== 'string' ? undefined : ((await read(tx, tenantId, id)) ?? null)
}
