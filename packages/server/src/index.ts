export { type Config, ConfigError } from './config.ts'
export { permissions, type Scope, scopes } from './core/access/access.ts'
export { type AuditAction, auditActions } from './core/audit/actions.ts'
export { type ExportVerdict, verifyExport } from './core/audit/export-lines.ts'
export type { SignedHead } from './core/audit/heads.ts'
export type { Context } from './core/context.ts'
export { type VerifyingKey, verifyingKeyOf } from './core/credentials/master-signer.ts'
export { createPasswordHasher } from './core/credentials/password-hasher.ts'
export { createPolicySet, type PolicySet } from './core/guard/policy-set.ts'
export { createLogger } from './core/logging/logging.ts'
export { readMailbox } from './core/mail/mailbox.ts'
export { ProblemError, problemBody } from './core/problem.ts'
export { loadMasters, SecretFileError } from './core/secrets.ts'
export {
  type ListedKey,
  listSigningKeys,
  revokeSigningKeys,
  rotateSigningKeys,
} from './core/tokens/signing-key-table.ts'
export { SigningKeyError } from './core/tokens/signing-keys.ts'
export { isDatabaseUnavailable } from './database/connect.ts'
export { EmbeddedDatabaseError } from './database/embedded-error.ts'
export { MigrationError, migrate } from './database/migrate.ts'
export { type OpenDatabase, openDatabase, SchemaBehindError } from './database/open.ts'
export { roleScript } from './database/roles.ts'
export { DatabaseFaultError } from './database/self-check.ts'
export { examine } from './doctor/examine.ts'
export type { Facts, Finding } from './doctor/finding.ts'
export { openGatewayStore } from './gateway-store.ts'
export { attackKinds } from './isolation/attacks.ts'
export { catalogueFaults } from './isolation/catalogue.ts'
export type { EndpointCell } from './isolation/endpoint-matrix.ts'
export { proveTables } from './isolation/live-matrix.ts'
export { proveEndpoints } from './isolation/prove-endpoints.ts'
export type { Cell, ServingRole } from './isolation/table-matrix.ts'
export { countFormerlySealed, rewrap } from './master-key/rewrap.ts'
export { type ApiKey, createApiKey, listApiKeys, revokeApiKey } from './modules/api-keys/service.ts'
export { auditHeadKeys, exportAudit } from './modules/audit/export.ts'
export { listAudit } from './modules/audit/service.ts'
export { type ContactMessage, ContactStatus } from './modules/contact/schema.ts'
export { deleteMessage, listMessages, readMessage } from './modules/contact/service.ts'
export { DefinitionFileError, formatDefinition, parseDefinition } from './modules/forms/definition-file.ts'
export type { Form, FormDetail } from './modules/forms/schema.ts'
export {
  addFormVersion,
  changeForm,
  createForm,
  type FormKey,
  listForms,
  listFormVersions,
  publishForm,
  readForm,
  readFormVersion,
  unpublishForm,
} from './modules/forms/service.ts'
export { type Gate, type Registration, RegistrationStatus } from './modules/gates/schema.ts'
export {
  changeGate,
  createGate,
  deleteGate,
  deleteRegistration,
  listGates,
  listRegistrations,
} from './modules/gates/service.ts'
export { exportLeads } from './modules/leads/export.ts'
export { type Lead, LeadStatus } from './modules/leads/schema.ts'
export { listLeadNotes, listLeads, readLead, readLeadQuota } from './modules/leads/service.ts'
export type { ResourceChange } from './modules/resources/schema.ts'
export {
  changeResource,
  createResource,
  deleteResource,
  listResources,
  readResource,
  restoreResource,
} from './modules/resources/service.ts'
export type { SecurityEvent, SecurityEventDetail } from './modules/security-events/schema.ts'
export { listSecurityEvents, readSecurityEvent } from './modules/security-events/service.ts'
export { listDomains } from './modules/tenants/domains.ts'
export { grantOperator, listGrants, revokeGrant } from './modules/tenants/grants.ts'
export { readPlatformTenant } from './modules/tenants/platform.ts'
export type { OperatorGrant } from './modules/tenants/schema.ts'
export {
  addTenantDomain,
  changeTenant,
  createTenant,
  findTenant,
  listTenants,
  removeTenantDomain,
  TenantError,
} from './modules/tenants/service.ts'
export { createAccount } from './modules/users/operator.ts'
export type { User, UserStatus } from './modules/users/schema.ts'
export { listUsers } from './modules/users/service.ts'
export { activateUser, deactivateUser } from './modules/users/standing.ts'
export { operatorContext } from './operator.ts'
export {
  formatPolicyFile,
  inFile,
  type PolicyDocument,
  PolicyFileError,
  type PolicyFileFault,
  parsePolicyFile,
  readPolicyFile,
} from './policy-file.ts'
export { watchPolicyFile } from './policy-reload.ts'
export { type RedisTarget, redisUrl } from './redis-url.ts'
export { type RoutePolicies, readRoutePolicies } from './route-policies.ts'
export { readConfig } from './secret-stores/read-config.ts'
export { SecretStoreError } from './secret-stores/store.ts'
export { type RunningServer, startServer, version } from './start.ts'
export { WorkersError } from './workers/messages.ts'
export { startWorkers } from './workers/primary.ts'
export { isWorker, serveAsWorker } from './workers/worker.ts'
