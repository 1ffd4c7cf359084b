export {
  type AddressResolver,
  type AddressResolverOptions,
  type ClientAddress,
  createAddressResolver,
  parseClientAddress,
  type RequestHeaders,
} from './client-address.ts'
export { decide } from './decide.ts'
export { type Decision, type DenyReason, type QuotaLabel, snapshotDecision } from './decision.ts'
export type { Duration } from './duration.ts'
export { describeFault, PolicyError, type PolicyFault } from './faults.ts'
export {
  createFingerprint,
  type Fingerprint,
  type FingerprintInput,
  type FingerprintOptions,
} from './fingerprint.ts'
export { type RateLimitHeaders, rateLimitHeaders } from './headers.ts'
export { type CompiledPolicy, compilePolicies, compilePolicy, type Plan } from './plan.ts'
export { definePolicy, type Policy, type PolicyInput } from './policy.ts'
export { loadPolicyFile } from './policy-file/load.ts'
export type {
  AccessListInput,
  AccessListRule,
  Mode,
  OnStoreFailure,
  RateLimitInput,
  RateLimitRule,
  Rule,
  RuleInput,
} from './rule-kinds.ts'
export type { Counter, Store, StoreStats, Take } from './store.ts'
export { createMemoryStore, type MemoryStoreOptions } from './stores/memory.ts'
export type { Subject, Subjects } from './subject.ts'
