import { type ProblemType, problemTypes } from '../../packages/server/src/core/problem-catalogue.ts'

/** The reference page of every problem type, from the catalogue that answers with them. */
export function problemReference(): string {
  const entries: readonly (readonly [string, ProblemType])[] = Object.entries(problemTypes)
  const sections = entries.map(([code, entry]) =>
    [
      `## ${code}`,
      '',
      `- Status: ${entry.status}`,
      `- Type: \`${entry.type ?? `urn:rempart:problem:${code}`}\``,
      `- English: ${entry.title.en}${entry.detail === undefined ? '' : `. ${entry.detail.en}`}`,
      `- French: ${entry.title.fr}${entry.detail === undefined ? '' : `. ${entry.detail.fr}`}`,
      '',
    ].join('\n'),
  )
  return [
    '# Problem types',
    '',
    'Generated from `packages/server/src/core/problem-catalogue.ts` by `npm run generate`; do not edit.',
    '',
    'Every refusal and failure is `application/problem+json` (RFC 9457) with these members besides the standard ones: `code`, the name below; `error`, the title in the language asked for; `requestId`; `timestamp`; and, where there are several faults, `errors` with a pointer to each.',
    '',
    ...sections,
  ].join('\n')
}
