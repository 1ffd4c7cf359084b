import { type PolicyFault, unknownWord } from '../faults.ts'
import { isRecord, openFields, ownField } from '../fields.ts'

/** What the file says of one rule: nothing of it any more, or fields of it. */
export type RuleEntry = 'off' | Readonly<Record<string, unknown>>

/** What the file says of one policy. Its fields are not yet checked: they are once they are merged. */
export interface PolicyEntry {
  /** `mode` and `onStoreFailure`, as far as the file names them. */
  readonly fields: Readonly<Record<string, unknown>>
  readonly rules: ReadonlyMap<string, RuleEntry>
}

/**
 * Checks the outline of a policy file:
 * `{ version: 1, policies: { '<policy id>': { mode?, onStoreFailure?, rules?: { '<rule id>': 'off' | {…} } } } }`.
 *
 * @param parsed - What the YAML or JSON reader gave.
 * @param faults - Where every fault goes.
 * @returns The entries that can be read at all, by policy id.
 */
export function readPolicyFile(parsed: unknown, faults: PolicyFault[]): ReadonlyMap<string, PolicyEntry> {
  const entries = new Map<string, PolicyEntry>()
  const file = openFields(parsed, 'file', ['version', 'policies'], faults)
  if (file === undefined) return entries
  if (ownField(file.fields, 'version') !== 1) faults.push({ path: 'file.version', message: 'must be 1' })
  const policies = ownField(file.fields, 'policies')
  if (!isRecord(policies)) {
    faults.push({ path: 'policies', message: 'must be an object of policies by id' })
    return entries
  }
  for (const [id, value] of Object.entries(policies)) {
    const entry = readPolicyEntry(value, `policies.${id}`, faults)
    if (entry !== undefined) entries.set(id, entry)
  }
  return entries
}

function readPolicyEntry(value: unknown, path: string, faults: PolicyFault[]): PolicyEntry | undefined {
  const reader = openFields(value, path, ['mode', 'onStoreFailure', 'rules'], faults)
  if (reader === undefined) return undefined
  const fields: Record<string, unknown> = {}
  for (const name of ['mode', 'onStoreFailure']) {
    const field = ownField(reader.fields, name)
    if (field !== undefined) fields[name] = field
  }
  return { fields, rules: readRuleEntries(ownField(reader.fields, 'rules'), `${path}.rules`, faults) }
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
