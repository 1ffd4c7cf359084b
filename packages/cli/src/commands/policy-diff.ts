import { diffPolicies, type LoadedPolicy, type PolicyChange } from '@rempart/guard'
import { readGround, readPolicySource } from '../policy-source.ts'
import { note, printable, printJson } from '../terminal.ts'
import { words } from '../words.ts'
import { matchText, ruleText, valueText } from './policy-text.ts'

const { policy: said } = words

export interface DiffOptions {
  readonly alone?: true
  readonly exitCode?: true
  readonly json?: true
}

/** Says what is different in force under two files: by policy, then by rule. */
export async function diff(before: string, after: string, chosen: DiffOptions): Promise<void> {
  const ground = await readGround(chosen.alone === true)
  const [one, other] = [await readPolicySource(before, ground), await readPolicySource(after, ground)]
  const changes = diffPolicies(one.set.policies, other.set.policies)
  if (chosen.exitCode && changes.length > 0) process.exitCode = 1
  if (chosen.json) printJson({ before: one.set.version, after: other.set.version, changes })
  else if (changes.length === 0) note(said.same)
  else print(changes, one.set.policies, other.set.policies)
}

/** `+` comes, `-` goes, `~` is changed. */
function print(changes: readonly PolicyChange[], one: readonly LoadedPolicy[], other: readonly LoadedPolicy[]): void {
  for (const id of new Set(changes.map(({ policyId }) => policyId))) {
    const left = one.find(({ policy }) => policy.id === id)
    const right = other.find(({ policy }) => policy.id === id)
    if (left === undefined) printWhole('+', right)
    else if (right === undefined) printWhole('-', left)
    else printChanged(changes.filter(({ policyId }) => policyId === id))
  }
}

function printWhole(sign: '+' | '-', loaded: LoadedPolicy | undefined): void {
  if (loaded === undefined) return
  const { policy, matches } = loaded
  const mode = policy.mode === undefined ? '' : `  (${policy.mode})`
  say(`${sign} ${policy.id}  ${matchText(matches)}${mode}`)
  for (const rule of policy.rules) say(`  ${sign} ${rule.id}  ${rule.kind}: ${ruleText({ ...rule })}`)
}

function printChanged(changes: readonly PolicyChange[]): void {
  say(`~ ${changes[0]?.policyId ?? ''}`)
  for (const change of changes) {
    const { ruleId, field } = change
    if (field !== undefined) say(`  ~ ${ruleId === undefined ? '' : `${ruleId} `}${field}: ${shift(change)}`)
    else if ('after' in change) say(`  + ${ruleId ?? ''}  ${wholeRule(change.after)}`)
    else say(`  - ${ruleId ?? ''}  ${wholeRule(change.before)}`)
  }
}

const shift = (change: PolicyChange): string => `${sideOf(change, 'before')} → ${sideOf(change, 'after')}`

function sideOf(change: PolicyChange, side: 'before' | 'after'): string {
  return side in change ? valueText(change[side]) : '–'
}

function wholeRule(rule: unknown): string {
  const fields: Readonly<Record<string, unknown>> = typeof rule === 'object' ? { ...rule } : {}
  return `${String(fields['kind'])}: ${ruleText(fields)}`
}

const say = (text: string): void => console.log(printable(text))
