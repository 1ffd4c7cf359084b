import type { Pool } from '../../packages/server/src/database/connect.ts'
import type { TenantWithForm } from '../support/tenant-with-form.ts'
import type { Lead, Ledger } from './intake-load.ts'

/** Everything the intake stored for one tenant, as one statement saw it. */
export interface Stored {
  readonly leads: readonly {
    readonly id: string
    readonly email: string
    readonly who: string
    readonly form: string
  }[]
  readonly messages: readonly { readonly id: string; readonly email: string }[]
  /** Counts that have to agree with the rows: the quota used, the keys and tokens spent, and the daily tally of messages. */
  readonly used: number
  readonly keys: number
  readonly tokens: number
  readonly talliedMessages: number
}

/** What the database holds for the tenant at this moment, also while writers write. */
export async function readStored(pool: Pool, tenantId: string): Promise<Stored> {
  const connection = await pool.connect()
  try {
    await connection.query('begin')
    await connection.query("select set_config('rempart.tenant_id', $1, true)", [tenantId])
    const { rows } = await connection.query<{ stored: Stored }>(READ)
    await connection.query('commit')
    const stored = rows[0]?.stored
    if (stored === undefined) throw new Error('one row was asked for')
    return stored
  } finally {
    connection.release()
  }
}

const READ = `select json_build_object(
  'leads', (select coalesce(json_agg(json_build_object(
    'id', id, 'email', email, 'who', data->>'who', 'form', form_id)), '[]') from lead),
  'messages', (select coalesce(json_agg(json_build_object('id', id, 'email', email)), '[]') from contact_message),
  'used', (select coalesce(sum(used), 0) from quota_usage),
  'keys', (select count(key_hash) from submission_receipt),
  'tokens', (select count(*) from submission_receipt where nonce <> lead_id),
  'talliedMessages', (select coalesce(sum(count), 0) from intake_day where source = 'contact' and outcome = 'stored')
) as stored`

/** What was acknowledged up to now. Taken before {@link readStored}, it has to be in there. */
export function acknowledged(ledger: Ledger) {
  return {
    leads: ledger.leads.filter(({ state }) => state === 'stored'),
    messages: ledger.messages.filter(({ id }) => id !== undefined),
  }
}

/**
 * Every way in which what is stored betrays what the visitors were told. Empty when nothing was lost, nothing is there
 * twice or in part, and every count is exact. Holds at any moment, under load too.
 */
export function betrayals(
  stored: Stored,
  told: ReturnType<typeof acknowledged>,
  ledger: Ledger,
  rules: { readonly quota?: number; readonly tokenForm?: TenantWithForm['form'] } = {},
): string[] {
  const leads = new Map(stored.leads.map((lead) => [lead.id, lead]))
  const messages = new Map(stored.messages.map((message) => [message.id, message]))
  const sent = new Map(ledger.leads.map((lead) => [lead.email, lead]))
  const written = new Set(ledger.messages.map(({ email }) => email))
  const withToken = stored.leads.filter(({ form }) => form === rules.tokenForm?.id)
  return [
    ...told.leads.filter((lead) => !isWhole(leads.get(lead.id ?? ''), lead)).map(({ id }) => `lead ${id} is lost`),
    ...told.messages
      .filter(({ id, email }) => messages.get(id ?? '')?.email !== email)
      .map(({ id }) => `message ${id} is lost`),
    ...stored.leads.filter((lead) => !isWhole(lead, sent.get(lead.email))).map(({ id }) => `nobody sent lead ${id}`),
    ...stored.messages.filter(({ email }) => !written.has(email)).map(({ id }) => `nobody wrote message ${id}`),
    ...repeated(stored.leads).map((email) => `lead of ${email} is there twice`),
    ...repeated(stored.messages).map((email) => `message of ${email} is there twice`),
    ...differing(stored.leads.length, {
      'quota used': stored.used,
      'keys spent': stored.keys,
    }),
    ...differing(stored.messages.length, { 'messages tallied': stored.talliedMessages }),
    ...differing(withToken.length, { 'tokens spent': stored.tokens }),
    ...(stored.leads.length > (rules.quota ?? Number.POSITIVE_INFINITY)
      ? [`${stored.leads.length} leads exceed the quota`]
      : []),
  ]
}

function isWhole(stored: Stored['leads'][number] | undefined, lead: Lead | undefined): boolean {
  return lead !== undefined && stored?.email === lead.email && stored.who === lead.email && stored.form === lead.form.id
}

function repeated(rows: readonly { readonly email: string }[]): string[] {
  const seen = new Set<string>()
  return rows.filter(({ email }) => seen.size === seen.add(email).size).map(({ email }) => email)
}

function differing(rows: number, counts: Readonly<Record<string, number>>): string[] {
  return Object.entries(counts)
    .filter(([, count]) => count !== rows)
    .map(([name, count]) => `${name}: ${count}, and there are ${rows}`)
}
