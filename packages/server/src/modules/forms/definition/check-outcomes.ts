import { checkOrder } from './check-fields.ts'
import { type DefinitionFault, fault } from './definition-fault.ts'
import type { FormDefinition, FormField, Outcome } from './schema.ts'

/** The faults of scoring and outcomes: bounds, the default, and outcomes that no answers can lead to. */
export function checkOutcomes(definition: FormDefinition): DefinitionFault[] {
  const { scoring, outcomes = [] } = definition
  return [
    ...checkOrder(scoring?.min, scoring?.max, '/scoring/min', 'The lowest score is above the highest one.'),
    ...checkIds(outcomes),
    ...checkDefault(outcomes),
    ...checkReach(outcomes, attainableScores(definition)),
  ]
}

function checkIds(outcomes: readonly Outcome[]): DefinitionFault[] {
  const seen = new Set<string>()
  return outcomes.flatMap(({ id }, index) => {
    if (!seen.has(id)) {
      seen.add(id)
      return []
    }
    return [fault(`/outcomes/${index}/id`, 'outcome-duplicate', `Another outcome is already called "${id}".`)]
  })
}

function checkDefault(outcomes: readonly Outcome[]): DefinitionFault[] {
  if (outcomes.length === 0 || outcomes.at(-1)?.when === undefined) return []
  return [
    fault(
      `/outcomes/${outcomes.length - 1}/when`,
      'outcome-default-missing',
      'The last outcome is the default: no `when`.',
    ),
  ]
}

/** Scores from `low` to `high`, both included; always integers. */
interface Scores {
  readonly low: number
  readonly high: number
}

/**
 * An outcome is out of reach when earlier ones take every score it could have. An earlier outcome with a
 * condition may let any answer pass, so only those decided by the score alone count. The default may be out of
 * reach: it costs nothing.
 */
function checkReach(outcomes: readonly Outcome[], attainable: Scores): DefinitionFault[] {
  const taken: Scores[] = []
  return outcomes.flatMap(({ when }, index) => {
    const pointer = `/outcomes/${index}/when`
    const scores = { low: when?.minScore ?? attainable.low, high: when?.maxScore ?? attainable.high }
    const reversed = checkOrder(
      when?.minScore,
      when?.maxScore,
      `${pointer}/minScore`,
      'The lowest score is above the highest one.',
    )
    if (reversed.length > 0) return reversed
    const isDefault = when === undefined && index === outcomes.length - 1
    const isOut = !isDefault && isCovered(intersect(scores, attainable), taken)
    if (when?.condition === undefined) taken.push(scores)
    return isOut ? [fault(`/outcomes/${index}`, 'outcome-unreachable', 'No answers can lead to this outcome.')] : []
  })
}

function intersect(one: Scores, other: Scores): Scores {
  return { low: Math.max(one.low, other.low), high: Math.min(one.high, other.high) }
}

function isCovered({ low, high }: Scores, taken: readonly Scores[]): boolean {
  let next = low
  for (const scores of taken.toSorted((one, other) => one.low - other.low)) {
    if (scores.low <= next && scores.high >= next) next = scores.high + 1
  }
  return next > high
}

/** The scores answers could add up to at the very most: conditions between them are not weighed. */
function attainableScores({ fields, scoring }: FormDefinition): Scores {
  const parts = [
    ...fields.map(fieldScores),
    ...(scoring?.rules ?? []).map(({ points }) => ({ low: Math.min(0, points), high: Math.max(0, points) })),
  ]
  const low = parts.reduce((sum, part) => sum + part.low, 0)
  const high = parts.reduce((sum, part) => sum + part.high, 0)
  const lowest = scoring?.min ?? low
  const highest = scoring?.max ?? high
  // Clamping moves both ends, also when the whole range lies beyond a bound.
  const clamp = (score: number) => Math.min(highest, Math.max(lowest, score))
  return { low: clamp(low), high: clamp(high) }
}

function fieldScores(field: FormField): Scores {
  if (field.type !== 'choice') return { low: 0, high: 0 }
  const scores = field.choices.map((choice) => choice.score ?? 0)
  if (field.multiple !== true) return { low: Math.min(0, ...scores), high: Math.max(0, ...scores) }
  const sum = (total: number, score: number) => total + score
  return {
    low: scores.filter((score) => score < 0).reduce(sum, 0),
    high: scores.filter((score) => score > 0).reduce(sum, 0),
  }
}
