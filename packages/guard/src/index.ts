export {
  type AddressResolver,
  type AddressResolverOptions,
  type ClientAddress,
  createAddressResolver,
  parseClientAddress,
  type RequestHeaders,
} from './client-address.ts'
export { decide } from './decide.ts'
export { type ChallengeReason, type Decision, type DenyReason, snapshotDecision } from './decision.ts'
export type { Duration } from './duration.ts'
export { describeFault, PolicyError, type PolicyFault } from './faults.ts'
export {
  createFingerprint,
  type Fingerprint,
  type FingerprintInput,
  type FingerprintOptions,
} from './fingerprint.ts'
export { type RateLimitHeaders, rateLimitHeaders } from './headers.ts'
export type { Lease } from './lease.ts'
export { type CompiledPolicy, compilePolicies, compilePolicy, type Plan } from './plan.ts'
export { definePolicy, type Policy, type PolicyInput } from './policy.ts'
export { loadPolicyFile } from './policy-file/load.ts'
export type { RuleInput } from './rule-kinds.ts'
export type { Mode, OnStoreFailure } from './rule-settings.ts'
export type { AccessListInput } from './rules/access-list.ts'
export type { ConcurrencyInput } from './rules/concurrency.ts'
export type { EscalationInput, StepInput } from './rules/escalation.ts'
export type { LockoutInput } from './rules/lockout.ts'
export { type QuotaInput, type QuotaPeriod, type QuotaRule, type QuotaWindow, quotaWindow } from './rules/quota.ts'
export type { RateLimitInput } from './rules/rate-limit.ts'
export type { SignalInput, SignalSource } from './rules/signal.ts'
export type {
  Counter,
  GcraCounter,
  HeldLease,
  LadderCounter,
  LadderRow,
  LeaseCounter,
  QuotaLabel,
  RemoteStore,
  Store,
  StoreStats,
  Take,
  WindowCounter,
} from './store.ts'
export { createMemoryStore, type MemoryStoreOptions } from './stores/memory.ts'
export type { Evidence, Subject, Subjects } from './subject.ts'
