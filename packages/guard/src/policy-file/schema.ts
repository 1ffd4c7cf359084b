import { nearestWord, type PolicyFault, unknownWord } from '../faults.ts'
import { type FieldReader, isRecord, openFields, ownField } from '../fields.ts'
import { type RequestMatch, readPattern } from './path-pattern.ts'

/** What the file says of one rule: nothing of it any more, or fields of it. */
export type RuleEntry = 'off' | Readonly<Record<string, unknown>>

/** What the file says of one policy. Its fields are not yet checked: they are once they are merged. */
export interface PolicyEntry {
  /** `mode` and `onStoreFailure`, as far as the file names them. */
  readonly fields: Readonly<Record<string, unknown>>
  /** Undefined where the file says nothing of it; a match read with faults is empty. */
  readonly matches: readonly RequestMatch[] | undefined
  readonly rules: ReadonlyMap<string, RuleEntry>
}

/** The outline of a policy file. */
export interface PolicyFileOutline<Preset extends string> {
  /** Names of presets, in the order in which they are laid over each other. */
  readonly presets: readonly Preset[]
  readonly entries: ReadonlyMap<string, PolicyEntry>
}

/** The methods a match may name. What HTTP has beyond them, no policy can tell from a typo. */
export const matchMethods: readonly string[] = [
  ...['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'QUERY'],
  ...['PROPFIND', 'PROPPATCH', 'REPORT', 'MKCOL', 'COPY', 'MOVE', 'LOCK', 'UNLOCK', 'PURGE'],
]

/** The fields of a policy in the file besides `match` and `rules`. */
export const policySettings: readonly string[] = ['mode', 'onStoreFailure']

/**
 * Checks the outline of a policy file: `{ version: 1, extends?, policies: { '<policy id>': { match?, mode?,
 * onStoreFailure?, rules?: { '<rule id>': 'off' | {…} } } } }`.
 *
 * @param parsed - What the YAML or JSON reader gave.
 * @param presets - The names `extends` may say.
 * @param faults - Where every fault goes.
 * @returns What can be read at all.
 */
export function readPolicyFile<Preset extends string>(
  parsed: unknown,
  presets: readonly Preset[],
  faults: PolicyFault[],
): PolicyFileOutline<Preset> {
  const entries = new Map<string, PolicyEntry>()
  const file = openFields(parsed, 'file', ['version', 'extends', 'policies'], faults)
  if (file === undefined) return { presets: [], entries }
  if (ownField(file.fields, 'version') !== 1) faults.push({ path: 'file.version', message: 'must be 1' })
  const extended = readExtends(file, presets)
  const policies = ownField(file.fields, 'policies')
  if (policies === undefined && ownField(file.fields, 'extends') !== undefined) return { presets: extended, entries }
  if (!isRecord(policies)) {
    faults.push({ path: 'policies', message: 'must be an object of policies by id' })
    return { presets: extended, entries }
  }
  for (const [id, value] of Object.entries(policies)) {
    const entry = readPolicyEntry(value, `policies.${id.slice(0, 64)}`, faults)
    if (entry !== undefined) entries.set(id, entry)
  }
  return { presets: extended, entries }
}

/** Reads one policy of the file. */
export function readPolicyEntry(value: unknown, path: string, faults: PolicyFault[]): PolicyEntry | undefined {
  const reader = openFields(value, path, ['match', ...policySettings, 'rules'], faults)
  if (reader === undefined) return undefined
  const fields: Record<string, unknown> = {}
  for (const name of policySettings) {
    const field = ownField(reader.fields, name)
    if (field !== undefined) fields[name] = field
  }
  const match = ownField(reader.fields, 'match')
  return {
    fields,
    matches: match === undefined ? undefined : readMatch(match, `${path}.match`, faults),
    rules: readRuleEntries(ownField(reader.fields, 'rules'), `${path}.rules`, faults),
  }
}

function readExtends<Preset extends string>(file: FieldReader, presets: readonly Preset[]): readonly Preset[] {
  const value = ownField(file.fields, 'extends')
  if (value === undefined) return []
  const listed: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (listed.length === 0) file.faults.push({ path: 'file.extends', message: 'names no preset: leave it out' })
  if (listed.length > new Set(listed).size) file.faults.push({ path: 'file.extends', message: 'names a preset twice' })
  return listed.flatMap((name) => {
    const known = presets.find((preset) => preset === name)
    if (known === undefined) file.faults.push(unknownWord('file.extends', 'preset', String(name), presets))
    return known ?? []
  })
}

/** `{ method?, path }`, each one or several. */
function readMatch(value: unknown, path: string, faults: PolicyFault[]): readonly RequestMatch[] {
  const reader = openFields(value, path, ['method', 'path'], faults)
  if (reader === undefined) return []
  const methods = readMethods(reader)
  const patterns = ownField(reader.fields, 'path')
  if (patterns === undefined || (Array.isArray(patterns) && patterns.length === 0)) {
    faults.push({ path: `${path}.path`, message: 'is required: a path such as "/login", "/users/:id" or "/admin/*"' })
    return []
  }
  const listed: readonly unknown[] = Array.isArray(patterns) ? patterns : [patterns]
  return listed.flatMap((pattern, index) => {
    const reading = readPattern(pattern)
    if (reading.ok && typeof pattern === 'string') return [{ methods, path: pattern }]
    const { ok: _, ...fault } = { message: '', ...reading }
    faults.push({ path: Array.isArray(patterns) ? `${path}.path[${index}]` : `${path}.path`, ...fault })
    return []
  })
}

function readMethods(reader: FieldReader): readonly string[] | undefined {
  const value = ownField(reader.fields, 'method')
  if (value === undefined) return undefined
  const path = `${reader.path}.method`
  const listed: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (listed.length === 0) reader.faults.push({ path, message: 'names no method: leave it out to mean every one' })
  for (const method of listed) {
    if (!matchMethods.some((known) => known === method)) reader.faults.push(unknownMethod(path, String(method)))
  }
  return listed.filter((method) => typeof method === 'string')
}

function unknownMethod(path: string, method: string): PolicyFault {
  if (method === '*') return { path, message: 'cannot be "*": leave "method" out to mean every one' }
  const nearest = nearestWord(method, matchMethods)
  const message = `unknown method "${method.slice(0, 32)}"`
  return nearest === undefined ? { path, message } : { path, message, suggestion: nearest }
}

function readRuleEntries(value: unknown, path: string, faults: PolicyFault[]): ReadonlyMap<string, RuleEntry> {
  const rules = new Map<string, RuleEntry>()
  if (value === undefined) return rules
  if (!isRecord(value)) {
    faults.push({ path, message: 'must be an object of rules by id' })
    return rules
  }
  for (const [id, entry] of Object.entries(value)) {
    if (entry === 'off' || isRecord(entry)) rules.set(id, entry)
    else if (typeof entry === 'string') faults.push(unknownWord(`${path}.${id}`, 'setting', entry, ['off']))
    else faults.push({ path: `${path}.${id}`, message: 'must be "off" or an object of fields' })
  }
  return rules
}
