import type { RequestMatch } from '@rempart/guard'

/** What a rule says, its name and kind left out: `by ip, limit 5, window 60s`. */
export function ruleText({ id: _, kind: __, ...fields }: Readonly<Record<string, unknown>>): string {
  return fieldsText(fields)
}

/** The requests a policy is for: `POST /login, GET /users/:id`. */
export function matchText(matches: readonly RequestMatch[]): string {
  return matches.map(({ methods, path }) => `${methods === undefined ? '' : `${methods.join(',')} `}${path}`).join(', ')
}

/** A value as a person writes it: words and figures as they are, lists in brackets. */
export function valueText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(valueText).join(typeof value[0] === 'object' ? '; ' : ', ')}]`
  return typeof value === 'object' && value !== null ? fieldsText({ ...value }) : String(value)
}

function fieldsText(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name} ${valueText(value)}`)
    .join(', ')
}
