import type { HumanReading } from './human.ts'
import type { UnjudgedRule } from './judged-rules.ts'
import type { BadLine, LogFormatName } from './log-line.ts'
import type { LimitPoint } from './maxima.ts'
import type { TimelineReading } from './timeline.ts'

/** What a replay has found. This is the JSON that `rempart replay --json` prints; `version` changes when a member does. */
export interface ReplayResult {
  readonly version: 1
  /** Whether the replay was stopped before the end of the log, or the log was cut off. */
  readonly isPartial: boolean
  readonly log: LogReading
  readonly clients: ClientCount
  /** One for each policy set: the one asked for, then the one it is compared with. */
  readonly trials: readonly TrialReading[]
  /** Absent where one policy set was tried alone. */
  readonly comparison?: Comparison
}

/** What was read. */
export interface LogReading {
  readonly sources: readonly SourceReading[]
  readonly lines: number
  readonly bytes: number
  /** Lines that are requests. */
  readonly requests: number
  /** Lines of connections without a request that can be read. They are under no policy. */
  readonly withoutRequest: number
  readonly bad: {
    readonly count: number
    readonly byReason: Readonly<Partial<Record<BadLine, number>>>
    /** The first ones, with what could name a person masked. */
    readonly examples: readonly BadExample[]
  }
  /** Requests dated further back than the window of reordering; decided at the present time. */
  readonly late: number
  /** Requests dated far ahead of the lines around them; decided at the present time. */
  readonly misdated: number
  /** How often the window of reordering was shortened to bound its memory. */
  readonly shortened: number
  /** First and last time, RFC 3339; null for a log without a request. */
  readonly from: string | null
  readonly to: string | null
  /** Whether times are known to the millisecond, not only to the second. */
  readonly hasMillis: boolean
  readonly hasAgents: boolean
}

/** One file. */
export interface SourceReading {
  readonly name: string
  /** Null where no line of any format was found. */
  readonly format: LogFormatName | null
  readonly lines: number
  readonly bad: number
}

/** A line that could not be read. */
export interface BadExample {
  readonly source: string
  /** From 1. */
  readonly line: number
  readonly reason: BadLine
  readonly shape: string
}

/** How many clients came. */
export interface ClientCount {
  readonly count: number
  /** False where the count is an estimate, with a standard error of 0.8 %. */
  readonly isExact: boolean
  /** Clients whose counts were given up to make room for others: never one that was refused, while any other could go. */
  readonly forgotten: number
}

/** What one policy set would have done. */
export interface TrialReading {
  readonly name: string
  readonly requests: number
  /** Requests that no policy of the set is for. */
  readonly exempt: number
  readonly admitted: number
  readonly challenged: number
  readonly refused: number
  /** Requests that rules in shadow would have refused or challenged. */
  readonly shadowRefused: number
  /** Clients refused or challenged at least once, by what they look like. */
  readonly clients: {
    readonly refused: number
    readonly human: number
    readonly unclear: number
    readonly automated: number
  }
  readonly policies: readonly PolicyReading[]
  readonly rules: readonly RuleReading[]
  readonly unjudged: readonly UnjudgedRule[]
  /** Refused or challenged clients, the most refused first; at most as many as were asked for. */
  readonly refusedClients: readonly ClientReading[]
  /** Clients that came to 80 % of a limit or more and were not refused by it; the nearest first. */
  readonly nearMisses: readonly NearMiss[]
  /** Requests, then refusals and challenges of each rule, over time. */
  readonly timeline: TimelineReading
  /** Counters that the stores of the replay forgot for want of room: a little more was admitted than would have been. */
  readonly evictions: number
}

/** One policy. */
export interface PolicyReading {
  readonly id: string
  readonly requests: number
  readonly refused: number
  readonly challenged: number
  readonly shadowRefused: number
}

/** One rule. */
export interface RuleReading {
  readonly policyId: string
  readonly ruleId: string
  readonly kind: string
  readonly by: readonly string[]
  readonly mode: 'live' | 'shadow'
  /** Null for what is no count in a window. */
  readonly limit: number | null
  readonly windowMs: number | null
  readonly cooldownMs: number | null
  readonly requests: number
  /** Requests that this rule was the first to refuse. */
  readonly refused: number
  readonly challenged: number
  readonly shadowRefused: number
  readonly clientsTouched: number
  /** Clients that this rule was the first to refuse; of a rule in shadow, that it would have refused. */
  readonly clientsRefused: number
  /** Whether a signal rule was judged by the User-Agent alone. */
  readonly isPartly: boolean
  /** Absent where no limit can be suggested: the rule is no count in a window. */
  readonly limits?: LimitReading
}

/** How a rule's limit and the clients it refuses go together. */
export interface LimitReading {
  /** Of the rule's clients, the share that each limit would refuse at least once. */
  readonly curve: readonly LimitPoint[]
  /** The least limit that refuses at most the share asked for; absent where none was asked for or nobody came. */
  readonly suggestion?: LimitPoint & { readonly targetShare: number }
  /**
   * `exact`, or `upper-bound` where the counts of some clients may be too high, so that a limit refuses no more than is
   * said: those of clients that went over the limit in force, and where clients or counters were forgotten. The other
   * rules stay as they are.
   */
  readonly precision: 'exact' | 'upper-bound'
}

/** One client. */
export interface ClientReading {
  /** Its address, or the beginning of it and a mark. */
  readonly client: string
  readonly requests: number
  readonly refused: number
  readonly challenged: number
  /** Policy and rule that first refused it, such as `contact.submit/burst`. */
  readonly rule: string
  readonly from: string
  readonly to: string
  /** The last one, cut at 160 characters; empty for none. */
  readonly userAgent: string
  readonly human: HumanReading
}

/** A client that came close to a limit. */
export interface NearMiss {
  readonly client: string
  readonly rule: string
  /** The most it had in a window, of `limit`. */
  readonly used: number
  readonly limit: number
  readonly requests: number
  readonly human: HumanReading
}

/** Whom two policy sets refuse. */
export interface Comparison {
  readonly requests: { readonly both: number; readonly onlyFirst: number; readonly onlySecond: number }
  readonly clients: { readonly both: number; readonly onlyFirst: number; readonly onlySecond: number }
  /** The most refused first. */
  readonly onlyFirst: readonly ClientReading[]
  readonly onlySecond: readonly ClientReading[]
}
