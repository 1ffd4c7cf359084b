import { listComparisons } from '../definition/condition.ts'
import { type Condition, type FormField, type FormLocale, textIn } from '../definition/schema.ts'
import { listAnswers, pageWords } from './words.ts'

/**
 * Tells a visitor without JavaScript when a field applies: in full where it hangs on the choice made in one field, else
 * by the questions it depends on.
 */
export function conditionHint(
  condition: Condition,
  fields: ReadonlyMap<string, FormField>,
  locale: FormLocale,
): string {
  const comparisons = listComparisons(condition).map(({ comparison }) => comparison)
  const labelOf = (name: string): string => {
    const field = fields.get(name)
    return field === undefined ? name : textIn(field.label, locale)
  }
  const [first] = comparisons
  const answers = first === undefined || comparisons.length > 1 ? [] : chosenLabels(first, fields, locale)
  if (first !== undefined && answers.length > 0) {
    return pageWords[locale].onlyIf(labelOf(first.field), listAnswers(answers, locale))
  }
  return pageWords[locale].dependsOn([...new Set(comparisons.map(({ field }) => labelOf(field)))])
}

type Comparison = ReturnType<typeof listComparisons>[number]['comparison']

/** The labels of the choices that make a comparison hold; none where it is of another kind. */
function chosenLabels(
  comparison: Comparison,
  fields: ReadonlyMap<string, FormField>,
  locale: FormLocale,
): readonly string[] {
  const field = fields.get(comparison.field)
  if (field?.type !== 'choice') return []
  const values = comparedTo(comparison)
  return field.choices.filter(({ value }) => values.includes(value)).map(({ label }) => textIn(label, locale))
}

function comparedTo(comparison: Comparison): readonly unknown[] {
  switch (comparison.op) {
    case 'equals':
    case 'includes':
      return [comparison.value]
    case 'oneOf':
      return comparison.values
    default:
      return []
  }
}
