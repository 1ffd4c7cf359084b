import { createHash } from 'node:crypto'
import pg from 'pg'

/** One row to insert, by column. */
export type Row = Readonly<Record<string, unknown>>

/** How a valid row of one table is made, for any tenant. */
export interface TableEntry {
  readonly table: string
  /** The column that holds the tenant: `tenant_id` everywhere but in `tenant` itself. */
  readonly tenantColumn: 'tenant_id' | 'id'
  /**
   * A valid row of a tenant whose rows of the entries above exist. Variant 0 is the one that is stored; other variants
   * share no key with it.
   */
  row(tenantId: string, variant: number): Row
  /** How many variants are stored, from 0 on, for tables whose rows each need a row of this one. Default 1. */
  readonly stored?: number
  /** How its row is stored, of the tenant of the transaction, where no serving role may insert one. */
  readonly seed?: { readonly text: string; readonly values: unknown[] }
  /** A tenant has one row of it at most: no further one can be inserted. */
  readonly isSingle?: true
  /** Its keys are known beyond the tenant: two tenants cannot hold the same, and a reason why that is no leak. */
  readonly sharedKeys?: string
}

/** A UUID that is always the same for the same name. */
export function idOf(...name: readonly (string | number)[]): string {
  const hex = createHash('sha256').update(name.join('/')).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

const bytes = (length: number, ...name: readonly (string | number)[]): Buffer =>
  createHash('sha256').update(name.join('/')).digest().subarray(0, length)

/** A first of a month, between the years 1000 and 9999. */
function dayOf(tenantId: string, variant: number): string {
  const months = (createHash('sha256').update(`${tenantId}/day`).digest().readUInt32BE() + variant) % (9_000 * 12)
  return `${1_000 + Math.floor(months / 12)}-${String((months % 12) + 1).padStart(2, '0')}-01`
}

/**
 * Every table that holds rows of tenants, parents first. A table without an entry fails the isolation tests: they can
 * only prove what they can fill.
 */
export const tableRegistry: readonly TableEntry[] = [
  {
    table: 'tenant',
    tenantColumn: 'id',
    row: (tenantId, variant) => ({
      id: variant === 0 ? tenantId : idOf(tenantId, 'tenant', variant),
      slug: `s-${idOf(tenantId, 'slug', variant)}`,
      name: `marker ${tenantId}`,
    }),
    sharedKeys: 'a slug names one tenant for everybody, and only who keeps the installation makes tenants',
  },
  {
    table: 'tenant_domain',
    tenantColumn: 'tenant_id',
    row: (tenantId, variant) => ({ tenant_id: tenantId, domain: `${idOf(tenantId, 'domain', variant)}.example` }),
    sharedKeys: 'a host answers for one tenant, as the DNS shows anyway, and whoever proves a domain controls its DNS',
  },
  {
    table: 'tenant_setting',
    tenantColumn: 'tenant_id',
    row: (tenantId) => ({ tenant_id: tenantId, settings: JSON.stringify({ marker: tenantId }) }),
    isSingle: true,
  },
  {
    table: 'operator_grant',
    tenantColumn: 'tenant_id',
    row: (tenantId, variant) => ({
      tenant_id: tenantId,
      id: idOf(tenantId, 'operator_grant', variant),
      operator_tenant_id: idOf('platform'),
      operator_id: idOf(tenantId, 'operator', variant),
      permissions: ['leads:read'],
      reason: `marker ${tenantId}`,
      granted_by: 'operator:cli',
      created_at: '2026-01-01T00:00:00Z',
      expires_at: '2026-01-01T08:00:00Z',
    }),
  },
  {
    table: 'api_key',
    tenantColumn: 'tenant_id',
    row: (tenantId, variant) => ({
      tenant_id: tenantId,
      id: idOf(tenantId, 'api_key', variant),
      lookup_id: idOf(tenantId, 'lookup', variant).slice(-10),
      secret_hash: bytes(32, tenantId, 'secret', variant),
      name: `marker ${tenantId}`,
      scopes: ['contact:read'],
    }),
  },
  {
    table: 'api_key_usage',
    tenantColumn: 'tenant_id',
    row: (tenantId, variant) => ({
      tenant_id: tenantId,
      key_id: idOf(tenantId, 'api_key', 0),
      day: dayOf(tenantId, variant),
      endpoint: 'contact',
      status_class: 2,
      count: 1,
    }),
  },
  {
    table: 'contact_message',
    tenantColumn: 'tenant_id',
    row: (tenantId, variant) => ({
      tenant_id: tenantId,
      id: idOf(tenantId, 'contact_message', variant),
      name: `marker ${tenantId}`,
      email: 'ada@example.org',
      message: 'Hello',
      locale: 'en',
    }),
  },
  {
    table: 'intake_day',
    tenantColumn: 'tenant_id',
    row: (tenantId, variant) => ({
      tenant_id: tenantId,
      // A day that is the tenant's own, so that two tenants share no key by chance.
      day: dayOf(tenantId, variant),
      source: 'contact',
      outcome: 'stored',
      count: 1,
    }),
  },
  {
    table: 'form',
    tenantColumn: 'tenant_id',
    row: (tenantId, variant) => ({
      tenant_id: tenantId,
      id: idOf(tenantId, 'form', variant),
      slug: `f-${idOf(tenantId, 'form', variant)}`,
      name: `marker ${tenantId}`,
    }),
  },
  {
    table: 'form_version',
    tenantColumn: 'tenant_id',
    row: (tenantId, variant) => ({
      tenant_id: tenantId,
      form_id: idOf(tenantId, 'form', 0),
      version: variant + 1,
      definition: JSON.stringify({ marker: tenantId }),
    }),
  },
  {
    table: 'lead',
    tenantColumn: 'tenant_id',
    row: (tenantId, variant) => ({
      tenant_id: tenantId,
      id: idOf(tenantId, 'lead', variant),
      form_id: idOf(tenantId, 'form', 0),
      form_version: 1,
      email: 'ada@example.org',
      data: JSON.stringify({ marker: tenantId }),
    }),
  },
  {
    table: 'lead_note',
    tenantColumn: 'tenant_id',
    row: (tenantId, variant) => ({
      tenant_id: tenantId,
      id: idOf(tenantId, 'lead_note', variant),
      lead_id: idOf(tenantId, 'lead', 0),
      author: 'Grace',
      body: `marker ${tenantId}`,
    }),
  },
  {
    table: 'submission_receipt',
    tenantColumn: 'tenant_id',
    row: (tenantId, variant) => ({
      tenant_id: tenantId,
      nonce: idOf(tenantId, 'nonce', variant),
      form_id: idOf(tenantId, 'form', 0),
      key_hash: bytes(32, tenantId, 'key', variant),
      request_hash: bytes(32, tenantId, 'request', variant),
      lead_id: idOf(tenantId, 'lead', 0),
    }),
  },
  {
    table: 'quota_usage',
    tenantColumn: 'tenant_id',
    row: (tenantId, variant) => ({
      tenant_id: tenantId,
      quota: 'leads',
      period: dayOf(tenantId, variant).slice(0, 7),
      used: 1,
    }),
  },
  {
    table: 'resource',
    tenantColumn: 'tenant_id',
    row: (tenantId, variant) => ({
      tenant_id: tenantId,
      id: idOf(tenantId, 'resource', variant),
      title: `marker ${tenantId}`,
    }),
  },
  {
    table: 'gate',
    tenantColumn: 'tenant_id',
    row: (tenantId, variant) => ({
      tenant_id: tenantId,
      id: idOf(tenantId, 'gate', variant),
      slug: `g-${idOf(tenantId, 'gate', variant)}`,
      name: `marker ${tenantId}`,
      capacity: 125,
      registered: 1,
      // Past those of every variant below.
      last_place: 9,
    }),
  },
  {
    table: 'gate_registration',
    tenantColumn: 'tenant_id',
    row: (tenantId, variant) => ({
      tenant_id: tenantId,
      id: idOf(tenantId, 'gate_registration', variant),
      gate_id: idOf(tenantId, 'gate', 0),
      email: `ada-${variant}@example.org`,
      name: `marker ${tenantId}`,
      status: 'registered',
      place: variant + 1,
      registered_at: '2026-01-01T00:00:00Z',
    }),
  },
  {
    table: 'security_event',
    tenantColumn: 'tenant_id',
    row: (tenantId, variant) => ({
      tenant_id: tenantId,
      id: idOf(tenantId, 'security_event', variant),
      // A day that has a partition.
      created_at: new Date().toISOString(),
      last_at: new Date().toISOString(),
      count: 1,
      type: 'refused',
      policy_id: 'contact.submit',
      policy_version: '0123456789ab',
      rule_id: 'burst',
      reason: 'rate-limit',
      cost: 1,
      clock_ms: 1,
      degraded: false,
      counters: '[]',
      subjects: JSON.stringify({ marker: tenantId }),
      route: '/api/v1/contact',
      request_id: idOf(tenantId, 'request', variant),
    }),
  },
  {
    table: 'policy_override',
    tenantColumn: 'tenant_id',
    row: (tenantId, variant) => ({
      tenant_id: tenantId,
      policy_id: `p-${idOf(tenantId, 'policy', variant)}`,
      rules: JSON.stringify({ burst: { marker: tenantId } }),
    }),
  },
  {
    table: 'user_account',
    tenantColumn: 'tenant_id',
    row: (tenantId, variant) => ({
      tenant_id: tenantId,
      id: idOf(tenantId, 'user', variant),
      email: `${idOf(tenantId, 'email', variant)}@example.org`,
      email_norm: `${idOf(tenantId, 'email', variant)}@example.org`,
      name: `marker ${tenantId}`,
    }),
    stored: 3,
  },
  {
    table: 'password_credential',
    tenantColumn: 'tenant_id',
    row: (tenantId, variant) => ({
      tenant_id: tenantId,
      user_id: idOf(tenantId, 'user', variant),
      hash: `marker ${tenantId}`,
    }),
  },
  {
    table: 'session',
    tenantColumn: 'tenant_id',
    row: (tenantId, variant) => ({
      tenant_id: tenantId,
      id: idOf(tenantId, 'session', variant),
      user_id: idOf(tenantId, 'user', 0),
      amr: ['pwd'],
      auth_time: '2026-01-01T00:00:00Z',
      device_label: `marker ${tenantId}`,
      idle_expires_at: '2100-01-01T00:00:00Z',
      absolute_expires_at: '2100-01-01T00:00:00Z',
    }),
  },
  {
    table: 'refresh_token',
    tenantColumn: 'tenant_id',
    row: (tenantId, variant) => ({
      tenant_id: tenantId,
      token_hash: bytes(32, tenantId, 'refresh', variant),
      session_id: idOf(tenantId, 'session', 0),
      expires_at: '2100-01-01T00:00:00Z',
    }),
  },
  {
    table: 'one_time_token',
    tenantColumn: 'tenant_id',
    row: (tenantId, variant) => ({
      tenant_id: tenantId,
      token_hash: bytes(32, tenantId, 'one-time', variant),
      purpose: 'verify-email',
      user_id: idOf(tenantId, 'user', 0),
      data: JSON.stringify({ marker: tenantId }),
      expires_at: '2100-01-01T00:00:00Z',
    }),
  },
  {
    table: 'role',
    tenantColumn: 'tenant_id',
    row: (tenantId, variant) => ({
      tenant_id: tenantId,
      id: idOf(tenantId, 'role', variant),
      code: `r-${idOf(tenantId, 'role', variant)}`,
      name: `marker ${tenantId}`,
      permissions: ['leads:read'],
    }),
    stored: 3,
  },
  {
    table: 'role_assignment',
    tenantColumn: 'tenant_id',
    row: (tenantId, variant) => ({
      tenant_id: tenantId,
      id: idOf(tenantId, 'role_assignment', variant),
      user_id: idOf(tenantId, 'user', 0),
      role_id: idOf(tenantId, 'role', variant),
      granted_by: 'operator:cli',
      reason: `marker ${tenantId}`,
    }),
  },
  {
    table: 'identity_provider',
    tenantColumn: 'tenant_id',
    row: (tenantId, variant) => ({
      tenant_id: tenantId,
      id: idOf(tenantId, 'identity_provider', variant),
      code: `p-${idOf(tenantId, 'provider', variant).slice(0, 8)}`,
      kind: 'github',
      name: `marker ${tenantId}`,
      client_id: 'client',
      sealed_secret: Buffer.from(`marker ${tenantId}`),
    }),
  },
  {
    table: 'oauth_account',
    tenantColumn: 'tenant_id',
    row: (tenantId, variant) => ({
      tenant_id: tenantId,
      id: idOf(tenantId, 'oauth_account', variant),
      user_id: idOf(tenantId, 'user', 0),
      provider_id: idOf(tenantId, 'identity_provider', 0),
      iss: 'https://id.example.org',
      sub: `marker ${tenantId} ${variant}`,
    }),
  },
  {
    table: 'mail_outbox',
    tenantColumn: 'tenant_id',
    row: (tenantId, variant) => ({
      tenant_id: tenantId,
      id: idOf(tenantId, 'mail_outbox', variant),
      template: 'verify-email',
      locale: 'en',
      sealed: bytes(32, tenantId, 'mail', variant),
      is_dropped: true,
      expires_at: '2100-01-01T00:00:00Z',
    }),
  },
  {
    table: 'mail_recipient',
    tenantColumn: 'tenant_id',
    row: (tenantId, variant) => ({
      tenant_id: tenantId,
      recipient_hash: bytes(32, tenantId, 'recipient', variant),
      template: 'verify-email',
    }),
  },
  {
    table: 'mfa_secret',
    tenantColumn: 'tenant_id',
    row: (tenantId, variant) => ({
      tenant_id: tenantId,
      user_id: idOf(tenantId, 'user', variant),
      pending_secret: Buffer.from(`marker ${tenantId}`),
      pending_since: '2026-01-01T00:00:00Z',
    }),
  },
  {
    table: 'mfa_recovery_code',
    tenantColumn: 'tenant_id',
    row: (tenantId, variant) => ({
      tenant_id: tenantId,
      user_id: idOf(tenantId, 'user', 0),
      code_hash: bytes(32, tenantId, 'recovery', variant),
    }),
  },
  {
    table: 'webauthn_credential',
    tenantColumn: 'tenant_id',
    row: (tenantId, variant) => ({
      tenant_id: tenantId,
      id: idOf(tenantId, 'webauthn_credential', variant),
      user_id: idOf(tenantId, 'user', 0),
      credential_id: bytes(32, tenantId, 'credential', variant),
      public_key: bytes(32, tenantId, 'public key', variant),
      sign_count: 0,
      aaguid: idOf('aaguid'),
      is_backup_eligible: false,
      is_backed_up: false,
      label: `marker ${tenantId}`,
    }),
  },
  {
    table: 'invitation',
    tenantColumn: 'tenant_id',
    row: (tenantId, variant) => ({
      tenant_id: tenantId,
      id: idOf(tenantId, 'invitation', variant),
      email: `${idOf(tenantId, 'invited', variant)}@example.org`,
      email_norm: `${idOf(tenantId, 'invited', variant)}@example.org`,
      role_id: idOf(tenantId, 'role', 0),
      locale: 'en',
      invited_by: idOf(tenantId, 'user', 0),
      token_hash: bytes(32, tenantId, 'invitation', variant),
      expires_at: '2100-01-01T00:00:00Z',
    }),
  },
  {
    table: 'audit_event',
    tenantColumn: 'tenant_id',
    row: (tenantId, variant) => ({
      tenant_id: tenantId,
      seq: variant + 1,
      at: '2026-01-01T00:00:00Z',
      actor_kind: 'public',
      action: 'session.opened',
      outcome: 'done',
      request_id: `marker ${tenantId}`,
      changes: '{}',
      hash: bytes(32, tenantId, 'audit', variant),
    }),
    seed: {
      text: `select audit_append('public', null, 'session.opened', null, null, 'done',
        current_setting('rempart.tenant_id'), '{}', null, null, null)`,
      values: [],
    },
  },
  {
    table: 'audit_head',
    tenantColumn: 'tenant_id',
    row: (tenantId, variant) => ({
      tenant_id: tenantId,
      // A tenant's own, so that two tenants share no key by chance.
      seq: bytes(4, tenantId, 'head').readUInt32BE() + variant + 1,
      hash: bytes(32, tenantId, 'audit', variant),
      signed_at: '2026-01-01T00:00:00Z',
      kid: bytes(32, tenantId, 'kid').toString('base64url'),
      signature: Buffer.alloc(64, 1),
    }),
  },
  {
    table: 'audit_subject_key',
    tenantColumn: 'tenant_id',
    row: (tenantId, variant) => ({
      tenant_id: tenantId,
      subject: `person:${idOf(tenantId, 'user', variant)}`,
      sealed_key: bytes(32, tenantId, 'subject-key', variant),
    }),
  },
  {
    table: 'privacy_request',
    tenantColumn: 'tenant_id',
    row: (tenantId, variant) => ({
      tenant_id: tenantId,
      id: idOf(tenantId, 'privacy_request', variant),
      kind: 'access',
      user_id: idOf(tenantId, 'user', 0),
      note: `marker ${tenantId}`,
      due_at: '2100-01-01T00:00:00Z',
    }),
  },
  {
    table: 'webhook',
    tenantColumn: 'tenant_id',
    row: (tenantId, variant) => ({
      tenant_id: tenantId,
      id: idOf(tenantId, 'webhook', variant),
      url: `https://${idOf(tenantId, 'webhook', variant)}.example/`,
      description: `marker ${tenantId}`,
      events: ['user.deleted'],
      sealed_secret: Buffer.from(`marker ${tenantId}`),
    }),
  },
  {
    table: 'webhook_delivery',
    tenantColumn: 'tenant_id',
    row: (tenantId, variant) => ({
      tenant_id: tenantId,
      id: idOf(tenantId, 'webhook_delivery', variant),
      webhook_id: idOf(tenantId, 'webhook', 0),
      type: 'user.deleted',
      data: JSON.stringify({ marker: tenantId }),
      state: 'failed',
      attempts: 1,
      settled_at: '2026-01-01T00:00:00Z',
    }),
  },
  {
    table: 'webhook_attempt',
    tenantColumn: 'tenant_id',
    row: (tenantId, variant) => ({
      tenant_id: tenantId,
      delivery_id: idOf(tenantId, 'webhook_delivery', 0),
      number: variant + 1,
      at: '2026-01-01T00:00:00Z',
      duration_ms: 5,
      status: 500,
    }),
  },
]

/** The INSERT of a row, with its values as parameters. */
export function insertOf(table: string, row: Row): { readonly text: string; readonly values: unknown[] } {
  const columns = Object.keys(row)
  const names = columns.map((column) => pg.escapeIdentifier(column)).join(', ')
  const places = columns.map((_, index) => `$${index + 1}`).join(', ')
  return {
    text: `insert into ${pg.escapeIdentifier(table)} (${names}) values (${places})`,
    values: Object.values(row),
  }
}
