import { subjectKeyAad } from '../core/audit/subject-keys.ts'
import { clientAad } from '../core/identity/session-kit.ts'
import { mailAad } from '../core/mail/sealed-mail.ts'
import { keyLabels } from '../core/secrets.ts'
import { secretAad as totpAad } from '../modules/mfa/factor.ts'
import { flowAad, secretAad as providerAad } from '../modules/oauth/flow.ts'
import { pendingAad } from '../modules/registration/service.ts'
import { secretAad as webhookAad } from '../modules/webhooks/secret.ts'

/** A column of a tenant's table that holds values under a key of the master secret. Its SQL comes from this file alone. */
export interface SealedColumn {
  readonly table: string
  /** The column behind `tenant_id` in the primary key, and its type. */
  readonly key: string
  readonly keyType: 'uuid' | 'bytea' | 'text'
  /** The sealed bytes; null where there are none. */
  readonly sealed: string
  /** What to set so that they become those of `fresh`, a bytea. */
  readonly assignment: (fresh: string) => string
  /** Which rows, besides. */
  readonly condition?: string
  /** A further column that the value is bound to. */
  readonly besides?: string
  /** One of `keyLabels`. */
  readonly label: string
  /** What a value is bound to. @param key - as the database writes it: a bytea is `\x` and hexadecimal. */
  readonly aad: (tenantId: string, key: string, besides: string) => readonly string[]
}

const column = (name: string): Pick<SealedColumn, 'sealed' | 'assignment'> => ({
  sealed: name,
  assignment: (fresh) => `${name} = ${fresh}`,
})

const inData: Pick<SealedColumn, 'sealed' | 'assignment'> = {
  sealed: `decode(data ->> 'sealed', 'base64')`,
  assignment: (fresh) =>
    `data = jsonb_set(data, '{sealed}', to_jsonb(translate(encode(${fresh}, 'base64'), E'\\n', '')))`,
}

const hashOf = (key: string): Buffer => Buffer.from(key.slice(2), 'hex')

/**
 * Every column whose values are under the master secret; `signing_key` besides, which belongs to no tenant. A test looks
 * for columns that are missing here.
 */
export const sealedColumns: readonly SealedColumn[] = [
  {
    table: 'session',
    key: 'id',
    keyType: 'uuid',
    ...column('client_sealed'),
    label: keyLabels.sessionMetadata,
    aad: clientAad,
  },
  ...['sealed_secret', 'pending_secret'].map(
    (name): SealedColumn => ({
      table: 'mfa_secret',
      key: 'user_id',
      keyType: 'uuid',
      ...column(name),
      label: keyLabels.totpSecret,
      aad: totpAad,
    }),
  ),
  {
    table: 'identity_provider',
    key: 'id',
    keyType: 'uuid',
    ...column('sealed_secret'),
    label: keyLabels.identityProviders,
    aad: providerAad,
  },
  ...['sealed_secret', 'previous_sealed_secret'].map(
    (name): SealedColumn => ({
      table: 'webhook',
      key: 'id',
      keyType: 'uuid',
      ...column(name),
      label: keyLabels.webhooks,
      aad: webhookAad,
    }),
  ),
  {
    table: 'audit_subject_key',
    key: 'subject',
    keyType: 'text',
    ...column('sealed_key'),
    label: keyLabels.auditSubjects,
    aad: subjectKeyAad,
  },
  {
    table: 'mail_outbox',
    key: 'id',
    keyType: 'uuid',
    ...column('sealed'),
    besides: 'template',
    label: keyLabels.mailbox,
    aad: (tenantId, id, template) => mailAad({ tenantId, id, template }),
  },
  {
    table: 'one_time_token',
    key: 'token_hash',
    keyType: 'bytea',
    ...inData,
    condition: "purpose = 'oauth-state'",
    label: keyLabels.identityProviders,
    aad: (tenantId, key) => flowAad(tenantId, hashOf(key)),
  },
  {
    table: 'one_time_token',
    key: 'token_hash',
    keyType: 'bytea',
    ...inData,
    condition: "purpose = 'verify-email'",
    label: keyLabels.registration,
    aad: (tenantId, key) => pendingAad(tenantId, hashOf(key)),
  },
]
