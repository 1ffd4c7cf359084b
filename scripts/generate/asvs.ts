import { levelOneNumbers } from '../../tests/security/asvs/numbers.ts'
import type { Requirement } from '../../tests/security/asvs/requirement.ts'
import { requirements } from '../../tests/security/asvs/requirements.ts'

const chapters: readonly string[] = [
  'Encoding and sanitisation',
  'Validation and business logic',
  'The browser',
  'HTTP',
  'Files',
  'Authentication',
  'Sessions',
  'Authorisation',
  'Self-contained tokens',
  'OAuth and OpenID Connect',
  'Cryptography',
  'Communication',
  'Configuration',
  'Data protection',
  'Code and architecture',
  'Logs and errors',
]

const words: Readonly<Record<Requirement['verdict'], string>> = {
  met: 'met',
  partly: '**partly**',
  'not-met': '**not met**',
  'not-applicable': 'does not apply',
}

const levelOf = ({ number }: Requirement): 1 | 2 => (levelOneNumbers.includes(number) ? 1 : 2)
const chapterOf = ({ number }: Requirement): number => Number.parseInt(number, 10)

/** `met of applicable`; what is met in part counts as not met. */
function share(some: readonly Requirement[]): string {
  const applicable = some.filter(({ verdict }) => verdict !== 'not-applicable')
  const met = applicable.filter(({ verdict }) => verdict === 'met')
  return applicable.length === 0 ? '–' : `${met.length} of ${applicable.length}`
}

function summary(): string {
  const line = (name: string, some: readonly Requirement[]): string => {
    const [one, two] = [some.filter((each) => levelOf(each) === 1), some.filter((each) => levelOf(each) === 2)]
    return `| ${name} | ${share(one)} | ${share(two)} | ${share(some)} |`
  }
  const lines = chapters.map((name, index) => {
    const number = index + 1
    return line(
      `[${number}. ${name}](#${number}-${name.toLowerCase().replaceAll(' ', '-')})`,
      requirements.filter((each) => chapterOf(each) === number),
    )
  })
  return [
    '| chapter | level 1 | level 2 | both |',
    '| --- | --- | --- | --- |',
    ...lines,
    line('**all**', requirements),
  ].join('\n')
}

/** The tests of a requirement, by file. */
function shown({ tests }: Requirement): string {
  const files = new Map<string, string[]>()
  for (const { file, title } of tests) files.set(file, [...(files.get(file) ?? []), title])
  return [...files]
    .map(([file, titles]) => {
      const name = file.replace(/^packages\/(\w+)\/src\//, '$1/').replace(/\.test\.ts$/, '')
      return `[${name}](../../${file}): ${titles.map((title) => `“${cell(title)}”`).join(', ')}`
    })
    .join('<br>')
}

/** A text that neither ends a cell nor is markup of one. */
const cell = (text: string): string => text.replace(/[\\|`*_<>[\]]/g, '\\$&')

const row = (each: Requirement): string =>
  `| ${each.number} | ${levelOf(each)} | ${words[each.verdict]} | ${[each.why ?? '', shown(each)].filter(Boolean).join('<br>')} |`

function chapter(name: string, index: number): string {
  const rows = requirements.filter((each) => chapterOf(each) === index + 1).map(row)
  return [
    `## ${index + 1}. ${name}`,
    '',
    '| requirement | level | verdict | shown by |',
    '| --- | --- | --- | --- |',
    ...rows,
  ].join('\n')
}

function wanting(): string {
  const missing = requirements.filter(({ verdict }) => verdict === 'not-met' || verdict === 'partly')
  return missing
    .map((each) => `- **${each.number}** (${words[each.verdict].replaceAll('*', '')}): ${each.why}`)
    .join('\n')
}

/** Which requirement of the Application Security Verification Standard is met, and which test shows it. */
export function asvsReference(): string {
  return `# What is met of ASVS 5.0

Generated from \`tests/security/asvs/\` by \`npm run generate\`; do not edit. For programs: [asvs.json](asvs.json).

The [Application Security Verification Standard](https://github.com/OWASP/ASVS) of OWASP asks 194 things of a back end at its levels 1 and 2. They stand here by their numbers; what each asks for stands in the standard. The verdicts are our own: nobody else has audited them.

- **met**: the tests named show it. **partly**: what is wanting is said first, and the tests show the rest. **not met**: it is wanting, or no test shows it. **does not apply**: there is nothing here that it asks about, for the reason given.
- The figures count what is met among what applies; what is met in part counts as not met.
- A test is named by its file and its title; where the title is that of a group, by all tests of the group. A number without a verdict, a test that is not there and a requirement that is met without a test each fail the build.
- Every test named here runs with all others, at every change (\`npm test\`), and one that fails, or is left out, fails that run. The result of one run, requirement by requirement: \`npx vitest run --reporter=json --outputFile=report.json; npx node scripts/asvs-results.ts report.json\`.

${summary()}

## What is wanting

${wanting()}

${chapters.map(chapter).join('\n\n')}
`
}

/** The same for programs. */
export function asvsReport(): string {
  const rows = requirements.map((each) => ({ ...each, level: levelOf(each) }))
  const report = rows.map(({ number, level, verdict, why, tests }) => ({ number, level, verdict, why, tests }))
  return `${JSON.stringify({ standard: 'ASVS 5.0', requirements: report }, undefined, 2)}\n`
}
