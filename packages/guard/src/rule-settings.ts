import type { Duration } from './duration.ts'
import { unknownWord } from './faults.ts'
import { type FieldReader, ownField, readDurationField, readWord } from './fields.ts'
import { isSubject, type Subject, subjectNames } from './subject.ts'

/** `live` refuses; `shadow` decides, counts and reports, and refuses nobody. */
export type Mode = 'live' | 'shadow'

/**
 * What becomes of a request whose counters cannot be read. `local-share`: the rule goes on in this
 * process's memory with its limit divided by the processes last seen. Over a store in the process,
 * which has nothing to fall back to, it is `open`.
 */
export type OnStoreFailure = 'open' | 'closed' | 'local-share'

/** What every rule's author may say. */
export interface RuleSettingsInput {
  /** Names the rule within its policy, like a policy's id. */
  readonly id: string
  readonly mode?: Mode
}

/** What the author of a rule that counts in the store may say. */
export interface CountingSettingsInput extends RuleSettingsInput {
  /** Several subjects count their combination. */
  readonly by: Subject | readonly Subject[]
  readonly onStoreFailure?: OnStoreFailure
}

/** The settings of a rule that counts in the store, checked. */
export interface CountingSettings {
  readonly id: string
  readonly by: readonly Subject[]
  readonly mode: Mode
  readonly onStoreFailure: OnStoreFailure
}

/** What the author of a rule may say whose refusals announce a wait. */
export interface AnnouncingInput {
  /**
   * The announced wait is lengthened by less than this, by as much for one client every time and otherwise for another:
   * clients refused together come back spread over it. Told in whole seconds; 0 for none. @default 0
   */
  readonly retryAfterJitter?: Duration
}

/** The jitter of a rule that has one, in milliseconds: absent, a policy is the one it was before there was such a field. */
export interface AnnouncingSettings {
  readonly retryAfterJitterMs?: number
}

/** What a policy says for the rules that say nothing themselves. */
export interface RuleDefaults {
  readonly mode: Mode
  readonly onStoreFailure: OnStoreFailure
}

/** The fields of {@link CountingSettingsInput}, with those every rule has. */
export const countingFields: readonly string[] = ['id', 'kind', 'by', 'mode', 'onStoreFailure']

const modes: readonly Mode[] = ['live', 'shadow']
const failures: readonly OnStoreFailure[] = ['open', 'closed', 'local-share']

/** Reads `mode` and `onStoreFailure`, which policies and rules both have. */
export function readDefaults(reader: FieldReader, defaults: RuleDefaults): RuleDefaults {
  return {
    mode: readMode(reader, defaults),
    onStoreFailure: readWord(reader, 'onStoreFailure', failures, defaults.onStoreFailure) ?? defaults.onStoreFailure,
  }
}

/** Reads a rule's mode. A policy in shadow keeps all its rules there. */
export function readMode(reader: FieldReader, defaults: RuleDefaults): Mode {
  const mode = readWord(reader, 'mode', modes, defaults.mode) ?? defaults.mode
  return defaults.mode === 'shadow' ? 'shadow' : mode
}

/** Reads what every rule that counts in the store has. */
export function readCountingSettings(id: string, reader: FieldReader, defaults: RuleDefaults): CountingSettings {
  return { id, by: readSubjects(reader), ...readDefaults(reader, defaults) }
}

/** Reads `retryAfterJitter`; undefined, with a fault, for what is no duration. */
export function readAnnouncing(reader: FieldReader): AnnouncingSettings | undefined {
  const retryAfterJitterMs = readDurationField(reader, 'retryAfterJitter', 0, 0)
  if (retryAfterJitterMs === 0) return {}
  return retryAfterJitterMs === undefined ? undefined : { retryAfterJitterMs }
}

/** Reads `by`: one subject or several. */
export function readSubjects(reader: FieldReader): readonly Subject[] {
  const value = ownField(reader.fields, 'by')
  const path = `${reader.path}.by`
  const listed: readonly unknown[] = Array.isArray(value) ? value : [value]
  const subjects = listed.filter(isSubject)
  if (value === undefined || listed.length === 0) {
    reader.faults.push({ path, message: `is required: one or several of ${subjectNames.join(', ')}` })
  }
  for (const subject of listed) {
    if (subject !== undefined && !isSubject(subject)) {
      reader.faults.push(unknownWord(path, 'subject', String(subject), subjectNames))
    }
  }
  if (new Set(subjects).size < subjects.length) reader.faults.push({ path, message: 'names a subject twice' })
  return subjects
}
