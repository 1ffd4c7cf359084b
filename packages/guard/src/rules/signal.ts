import { unknownWord } from '../faults.ts'
import { type FieldReader, isRecord, openFields, ownField, readInteger, readNumber } from '../fields.ts'
import { type Mode, type RuleDefaults, type RuleSettingsInput, readMode } from '../rule-settings.ts'
import type { Evidence } from '../subject.ts'

/** Sources that the socket and the headers tell. */
const earlySources = ['userAgent', 'reputation', 'country'] as const
/** Sources that the body tells. */
const lateSources = ['honeypot', 'renderToken', 'proofOfWork'] as const

/** A source of signals; one of the caller's own is named `custom:<name>` and is read with the body. */
export type SignalSource = (typeof earlySources)[number] | (typeof lateSources)[number] | `custom:${string}`

/** One source and what it weighs. Its name alone stands for a weight of 1. */
interface WeighedSourceInput {
  readonly source: SignalSource
  /** What the score is multiplied by: 0.01 to 10. @default 1 */
  readonly weight?: number
  /** The score of a request that has none from this source: 0 to 100. @default 0 */
  readonly missing?: number
}

/**
 * Adds up what the sources say of a request, each from 0 (surely human) to 100 (surely not) times its
 * weight, and refuses or challenges above a threshold. It counts nothing.
 */
export interface SignalInput extends RuleSettingsInput {
  readonly kind: 'signal'
  readonly sources: readonly (SignalSource | WeighedSourceInput)[]
  /** From this score on the request needs a solved challenge: 1 to 1,000. */
  readonly challenge?: number
  /** From this score on it is refused: 1 to 1,000. */
  readonly deny?: number
}

interface WeighedSource {
  readonly source: SignalSource
  readonly weight: number
  readonly missing: number
}

/** A signal rule that has been checked. */
export interface SignalRule {
  readonly id: string
  readonly kind: 'signal'
  readonly mode: Mode
  readonly sources: readonly WeighedSource[]
  /** `Infinity` for never. */
  readonly challengeFrom: number
  readonly denyFrom: number
}

/** What a signal rule says of a request. */
export type SignalVerdict = 'allow' | 'challenge' | 'deny'

/** Every field of a signal rule. */
export const signalFields: readonly string[] = ['id', 'kind', 'mode', 'sources', 'challenge', 'deny']

const MOST_SOURCES = 16
const MOST_THRESHOLD = 1_000
const sourceNames: readonly string[] = [...earlySources, ...lateSources, 'custom:<name>']
const customPattern = /^custom:[A-Za-z][\w-]{0,31}$/

/** Reads a signal rule. */
export function readSignal(id: string, reader: FieldReader, defaults: RuleDefaults): SignalRule | undefined {
  const mode = readMode(reader, defaults)
  const sources = readSources(reader)
  const challengeFrom = readThreshold(reader, 'challenge')
  const denyFrom = readThreshold(reader, 'deny')
  if (challengeFrom === undefined || denyFrom === undefined) return undefined
  if (challengeFrom === Infinity && denyFrom === Infinity) {
    reader.faults.push({ path: reader.path, message: 'needs "challenge" or "deny"' })
  } else if (denyFrom <= challengeFrom && challengeFrom !== Infinity) {
    reader.faults.push({ path: `${reader.path}.challenge`, message: 'must be below "deny"' })
  }
  return { id, kind: 'signal', mode, sources, challengeFrom, denyFrom }
}

/** Judges a request by what its caller has found out. A solved challenge answers a challenge, not a refusal. */
export function judgeSignals(rule: SignalRule, evidence: Evidence | undefined): SignalVerdict {
  let score = 0
  for (const { source, weight, missing } of rule.sources) {
    score += weight * scoreOf(evidence?.signals, source, missing)
  }
  // Tenths and the like do not add up exactly; what is due at 60 is due at 59.999….
  score = Math.round(score * 1e6) / 1e6
  if (score >= rule.denyFrom) return 'deny'
  return score >= rule.challengeFrom && evidence?.solved !== true ? 'challenge' : 'allow'
}

/** Whether every source is told before any byte of the body. */
export function isEarlySignal(rule: SignalRule): boolean {
  return rule.sources.every(({ source }) => earlySources.some((early) => early === source))
}

function scoreOf(signals: Evidence['signals'], source: SignalSource, missing: number): number {
  const score = signals !== undefined && Object.hasOwn(signals, source) ? signals[source] : undefined
  if (score === undefined || Number.isNaN(score)) return missing
  return Math.min(100, Math.max(0, score))
}

function readThreshold(reader: FieldReader, name: string): number | undefined {
  return ownField(reader.fields, name) === undefined ? Infinity : readInteger(reader, name, 1, MOST_THRESHOLD)
}

function readSources(reader: FieldReader): WeighedSource[] {
  const value = ownField(reader.fields, 'sources')
  const path = `${reader.path}.sources`
  const listed: readonly unknown[] = Array.isArray(value) ? value : []
  if (listed.length === 0 || listed.length > MOST_SOURCES) {
    reader.faults.push({ path, message: `must be a list of 1 to ${MOST_SOURCES} sources` })
  }
  const seen = new Set<string>()
  return listed.flatMap((item, index) => {
    const source = readSource(item, `${path}[${index}]`, reader)
    if (source === undefined) return []
    if (seen.has(source.source)) reader.faults.push({ path: `${path}[${index}]`, message: 'is named twice' })
    seen.add(source.source)
    return [source]
  })
}

function readSource(item: unknown, path: string, reader: FieldReader): WeighedSource | undefined {
  const fields = isRecord(item) ? item : { source: item }
  const opened = openFields(fields, path, ['source', 'weight', 'missing'], reader.faults)
  if (opened === undefined) return undefined
  const source = ownField(opened.fields, 'source')
  if (!isSource(source)) {
    reader.faults.push(unknownWord(path, 'source', String(source), sourceNames))
    return undefined
  }
  const weight = readNumber(opened, 'weight', 0.01, 10, 1)
  const missing = readNumber(opened, 'missing', 0, 100, 0)
  return weight === undefined || missing === undefined ? undefined : { source, weight, missing }
}

function isSource(value: unknown): value is SignalSource {
  if (typeof value !== 'string') return false
  return (sourceNames.includes(value) && !value.includes('<')) || customPattern.test(value)
}
