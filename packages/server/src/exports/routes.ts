export { type RoutePolicies, readRoutePolicies } from '../route-policies.ts'
