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
export type { CounterReading, EventListener, GuardEvent } from './events.ts'
export { describeFault, PolicyError, type PolicyFault, type Position } from './faults.ts'
export {
  createFingerprint,
  type Fingerprint,
  type FingerprintInput,
  type FingerprintOptions,
} from './fingerprint.ts'
export { createGuard, type DecideOptions, type Guard, type GuardOptions } from './guard.ts'
export { type RateLimitHeaders, rateLimitHeaders } from './headers.ts'
export type { Lease } from './lease.ts'
export { createLimiter, type Limiter, type LimiterOptions, type Verdict } from './limiter.ts'
export { overridePolicy, type PolicyOverrides, type RuleOverrides } from './overrides.ts'
export { type CompiledPolicy, compilePolicies, compilePolicy, type Plan } from './plan.ts'
export { definePolicy, type Policy, type PolicyInput, type PolicySource } from './policy.ts'
export { diffPolicies, type PolicyChange } from './policy-file/diff.ts'
export { type ExplainedRequest, type Explanation, explainRequests } from './policy-file/explain.ts'
export { type LoadedPolicy, type LoadOptions, loadPolicies, loadPolicyFile, locateFaults } from './policy-file/load.ts'
export { createPolicyMatcher, type MatchedPolicy, type PolicyMatcher } from './policy-file/match.ts'
export type { PolicyLayer } from './policy-file/merge.ts'
export { type RequestMatch, rankRoute } from './policy-file/path-pattern.ts'
export type { Preset } from './policy-file/presets/preset.ts'
export { type PresetName, presetNames, presets } from './policy-file/presets/presets.ts'
export { policyVersion } from './policy-file/version.ts'
export type { HumanReading, HumanReason, HumanReasonCode, HumanVerdict } from './replay/human.ts'
export type { UnjudgedReason, UnjudgedRule } from './replay/judged-rules.ts'
export { logFormatNames, readFirstSecond } from './replay/log-formats.ts'
export type { BadLine, LogFormatName } from './replay/log-line.ts'
export type { LimitPoint } from './replay/maxima.ts'
export { createReplay, type Replay, type ReplayOptions, type ReplaySet } from './replay/replay.ts'
export { renderReport } from './replay/report/report.ts'
export { type ReportLanguage, type ReportWords, reportWords } from './replay/report/words.ts'
export type {
  BadExample,
  ClientCount,
  ClientReading,
  Comparison,
  LimitReading,
  LogReading,
  NearMiss,
  PolicyReading,
  ReplayResult,
  RuleReading,
  SourceReading,
  TrialReading,
} from './replay/result.ts'
export type { ReplayRouting, RoutedPolicy } from './replay/routes.ts'
export type { ReplaySource } from './replay/source.ts'
export type { TimelineReading } from './replay/timeline.ts'
export type { RuleInput } from './rule-kinds.ts'
export type { Mode, OnStoreFailure } from './rule-settings.ts'
export type { AccessListInput } from './rules/access-list.ts'
export type { ConcurrencyInput } from './rules/concurrency.ts'
export type { EscalationInput, StepInput } from './rules/escalation.ts'
export type { LockoutInput } from './rules/lockout.ts'
export { type QuotaInput, type QuotaPeriod, type QuotaRule, type QuotaWindow, quotaWindow } from './rules/quota.ts'
export type { RateLimitInput } from './rules/rate-limit.ts'
export type { SignalInput, SignalSource } from './rules/signal.ts'
export { type CountryOptions, type CountryReader, createCountryReader } from './signals/country.ts'
export { createEvidenceCollector, type EvidenceInput, type EvidenceOptions } from './signals/evidence.ts'
export { type HeaderHint, type HeaderHintOptions, type HeaderHints, readHeaderHints } from './signals/header-hints.ts'
export {
  createProofOfWork,
  type MarkOnce,
  type ProofEffort,
  type ProofOfWork,
  type ProofOfWorkOptions,
  type ProofVerdict,
} from './signals/proof-of-work.ts'
export type { ProofChallenge, ProofFault, ProofScope } from './signals/proof-seal.ts'
export {
  createReputationCompiler,
  type ReputationCompiler,
  type ReputationListReader,
  type ReputationListReport,
} from './signals/reputation.ts'
export type { ReputationFault } from './signals/reputation-lines.ts'
export type { Reputation, ReputationTable } from './signals/reputation-table.ts'
export { classifyUserAgent, type UserAgentClass, type UserAgentReading } from './signals/user-agent.ts'
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
export { canonicalKey } from './stores/canonical-key.ts'
export { createMemoryStore, type MemoryStoreOptions } from './stores/memory.ts'
export type { Evidence, Subject, Subjects } from './subject.ts'
