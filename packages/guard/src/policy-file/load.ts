import { nearestWord, PolicyError, type PolicyFault, type Position } from '../faults.ts'
import { checkPolicy, type PolicyInput } from '../policy.ts'
import { createPolicyMatcher, type MatchConflict } from './match.ts'
import { draftOfPolicy, emptyDraft, mergeEntry, type PolicyDraft, type PolicyLayer } from './merge.ts'
import type { RequestMatch } from './path-pattern.ts'
import { type PresetName, presetNames, presets } from './presets/presets.ts'
import { type PolicyEntry, readPolicyEntry, readPolicyFile } from './schema.ts'

/** A policy as it is in force, what it is for, and who said what of it. */
export interface LoadedPolicy {
  /** Passes `definePolicy`. */
  readonly policy: PolicyInput
  /** The requests it is for besides those of the routes that declare it. */
  readonly matches: readonly RequestMatch[]
  /** Who said it last, by path in the policy: `mode`, `match`, `rules.burst`, `rules.burst.limit`; also of what is off. */
  readonly origins: ReadonlyMap<string, PolicyLayer>
}

/** What the reader of the file knows besides its content. */
export interface LoadOptions {
  /**
   * Where a dotted path such as `policies.contact.submit.rules.burst.limit` stands in the text. Asked for the paths above
   * it, in turn, when it knows none.
   */
  readonly locate?: (path: string) => Position | undefined
}

/**
 * Lays a policy file, and the presets it extends, over the policies declared beside the routes.
 *
 * Strict, because a typo read leniently is a route without protection: an unknown policy, rule, field
 * or unit refuses the whole file.
 *
 * @param parsed - What the YAML or JSON reader gave; the guard reads no file itself.
 * @param base - The declared policies. They are not changed.
 * @returns Every policy of `base`, in its order, then those of presets and file that have a `match` of their own.
 * @throws PolicyError with every fault of the file, each with its path, its position when `locate` knows it, and the
 * spelling probably meant.
 */
export function loadPolicies(
  parsed: unknown,
  base: readonly PolicyInput[],
  options: LoadOptions = {},
): readonly LoadedPolicy[] {
  const faults: PolicyFault[] = []
  const file = readPolicyFile(parsed, presetNames, faults)
  const drafts = new Map(base.map((policy) => [policy.id, draftOfPolicy(policy)]))
  for (const name of file.presets) layPreset(drafts, name, faults)
  for (const [id, entry] of file.entries) layEntry(drafts, id, entry, 'file', faults)

  const loaded = [...drafts.values()].map((draft) => check(draft, file.entries.has(draft.id), faults))
  faults.push(...overlaps(loaded))
  if (faults.length > 0) throw new PolicyError(locateFaults(faults, options.locate))
  return loaded
}

/**
 * The policies of `loadPolicies` alone.
 *
 * @throws PolicyError as `loadPolicies` does.
 */
export function loadPolicyFile(parsed: unknown, base: readonly PolicyInput[]): PolicyInput[] {
  return loadPolicies(parsed, base).map(({ policy }) => policy)
}

function layPreset(drafts: Map<string, PolicyDraft>, name: PresetName, faults: PolicyFault[]): void {
  for (const [id, value] of Object.entries(presets[name].policies)) {
    const entry = readPolicyEntry(value, `policies.${id}`, faults)
    if (entry !== undefined) layEntry(drafts, id, entry, `preset:${name}`, faults)
  }
}

function layEntry(
  drafts: Map<string, PolicyDraft>,
  id: string,
  entry: PolicyEntry,
  layer: PolicyLayer,
  faults: PolicyFault[],
): void {
  const below = drafts.get(id)
  const path = `policies.${id.slice(0, 64)}`
  if (below === undefined && entry.matches === undefined) {
    faults.push(undeclaredPolicy(path, id, [...drafts.keys()]))
    return
  }
  drafts.set(id, mergeEntry(below ?? emptyDraft(id), entry, layer, path, faults))
}

function check(draft: PolicyDraft, isInFile: boolean, faults: PolicyFault[]): LoadedPolicy {
  const { id, settings, matches, origins } = draft
  const policy: unknown = { ...settings, id, rules: [...draft.rules.values()] }
  // What code declares and the file does not touch has been checked where it is declared.
  if (isInFile) checkPolicy(policy, `policies.${id.slice(0, 64)}`, faults)
  // What `checkPolicy` finds no fault in has the shape of its input; with a fault, nothing is returned.
  return { policy: policy as PolicyInput, matches, origins }
}

function overlaps(loaded: readonly LoadedPolicy[]): readonly PolicyFault[] {
  const conflicts: MatchConflict[] = []
  createPolicyMatcher(
    loaded.map(({ policy, matches }) => ({ id: policy.id, matches })),
    conflicts,
  )
  return conflicts.map(({ policyId, otherId, pattern }) => ({
    path: `policies.${policyId.slice(0, 64)}.match`,
    message: `${pattern} is what the policy "${otherId}" is for: change that one, or match something else`,
  }))
}

function undeclaredPolicy(path: string, id: string, declared: readonly string[]): PolicyFault {
  const message = 'no route declares this policy, and it has no "match" of its own'
  const nearest = nearestWord(id, declared)
  return nearest === undefined ? { path, message } : { path, message, suggestion: nearest }
}

/**
 * Says of each fault where it stands: at its own path, or at the nearest one around it that has a place. Sorted by place.
 *
 * @param locate - Absent, the faults stay as they are.
 */
export function locateFaults(faults: readonly PolicyFault[], locate: LoadOptions['locate']): readonly PolicyFault[] {
  if (locate === undefined) return faults
  return faults
    .map((fault) => ({
      ...fault,
      position: fault.position ?? nearestPlace(fault.path, locate) ?? { line: 1, column: 1 },
    }))
    .sort(({ position: one }, { position: other }) => one.line - other.line || one.column - other.column)
}

function nearestPlace(path: string, locate: (path: string) => Position | undefined): Position | undefined {
  let place = path.replace(/^file\.?/, '')
  while (place !== '') {
    const position = locate(place)
    if (position !== undefined) return position
    place = place.slice(0, Math.max(0, place.search(/(?:\.[^.[]*|\[\d+\])$/)))
  }
  return undefined
}
