import { idOf } from './table-registry.ts'

/*
 * What the ids in paths, queries and bodies name. An operation that takes an id without an entry fails the endpoint
 * matrix: it can only attack what it can name.
 */

/** By the first path segment of an operation and the name of its id: the row of a tenant, as `seedTwoTenants` makes it. */
export const namedRows: Readonly<Record<string, (tenantId: string) => string>> = {
  'contact id': (tenant) => idOf(tenant, 'contact_message', 0),
  'contact cursor': (tenant) => idOf(tenant, 'contact_message', 0),
  'forms id': (tenant) => idOf(tenant, 'form', 0),
  'forms cursor': (tenant) => idOf(tenant, 'form', 0),
  'forms slug': (tenant) => `f-${idOf(tenant, 'form', 0)}`,
  'leads id': (tenant) => idOf(tenant, 'lead', 0),
  'leads cursor': (tenant) => idOf(tenant, 'lead', 0),
  'leads formId': (tenant) => idOf(tenant, 'form', 0),
  'resources id': (tenant) => idOf(tenant, 'resource', 0),
  'gates id': (tenant) => idOf(tenant, 'gate_registration', 0),
  'gates cursor': (tenant) => idOf(tenant, 'gate_registration', 0),
  'gates slug': (tenant) => `g-${idOf(tenant, 'gate', 0)}`,
  'security-events id': (tenant) => idOf(tenant, 'security_event', 0),
  'security-events cursor': (tenant) => idOf(tenant, 'security_event', 0),
  'sessions id': (tenant) => idOf(tenant, 'session', 0),
  'api-keys id': (tenant) => idOf(tenant, 'api_key', 0),
  'identity-providers id': (tenant) => idOf(tenant, 'identity_provider', 0),
  'passkeys id': (tenant) => idOf(tenant, 'webauthn_credential', 0),
  'oauth provider': (tenant) => `p-${idOf(tenant, 'provider', 0).slice(0, 8)}`,
  'oauth accountId': (tenant) => idOf(tenant, 'oauth_account', 0),
  'users id': (tenant) => idOf(tenant, 'user', 0),
  'gdpr userId': (tenant) => idOf(tenant, 'user', 0),
  'privacy id': (tenant) => idOf(tenant, 'privacy_request', 0),
  'users roleId': (tenant) => idOf(tenant, 'role', 0),
  'roles id': (tenant) => idOf(tenant, 'role', 0),
  'invitations id': (tenant) => idOf(tenant, 'invitation', 0),
  'invitations roleId': (tenant) => idOf(tenant, 'role', 0),
  'tenants id': (tenant) => tenant,
  'tenants grantId': (tenant) => idOf(tenant, 'operator_grant', 0),
  'tenants operatorId': (tenant) => idOf(tenant, 'user', 0),
  'tenant domain': (tenant) => `${idOf(tenant, 'domain', 0)}.example`,
  'webhooks id': (tenant) => idOf(tenant, 'webhook', 0),
  'webhooks deliveryId': (tenant) => idOf(tenant, 'webhook_delivery', 0),
  'webhooks cursor': (tenant) => idOf(tenant, 'webhook_delivery', 0),
}

/** Parameters that name no row of a tenant. */
export const namingNoRow: Readonly<Record<string, string>> = {
  'policies id': 'the name of a policy of the installation, the same for every tenant',
  'forms version': 'a number that counts within a form',
  'gdpr id': 'part of a receipt whose signature is checked: nothing is looked up',
  'gdpr tenantId': 'part of a receipt whose signature is checked: nothing is looked up',
  'password-reset token': 'a secret of 256 bits, which finds its own tenant',
}
