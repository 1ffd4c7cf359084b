export { listDomains } from '../modules/tenants/domains.ts'
export { grantOperator, listGrants, revokeGrant } from '../modules/tenants/grants.ts'
export { readPlatformTenant } from '../modules/tenants/platform.ts'
export type { OperatorGrant } from '../modules/tenants/schema.ts'
export {
  addTenantDomain,
  changeTenant,
  createTenant,
  listTenants,
  removeTenantDomain,
} from '../modules/tenants/service.ts'
