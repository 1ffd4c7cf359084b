import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import type { ShownBy } from '../tests/security/asvs/requirement.ts'
import { requirements } from '../tests/security/asvs/requirements.ts'

/**
 * `npx node scripts/asvs-results.ts report.json`: what became of every requirement in one run of the tests, from what
 * vitest's JSON reporter wrote, as JSON lines. Exits with 1 when a test that is named did not pass, or did not run.
 */

interface Run {
  readonly testResults: readonly {
    readonly name: string
    readonly assertionResults: readonly {
      readonly ancestorTitles: readonly string[]
      readonly title: string
      readonly status: string
    }[]
  }[]
}

type Result = 'passed' | 'failed' | 'skipped' | 'not-run'
const worstFirst: readonly Result[] = ['failed', 'not-run', 'skipped', 'passed']

const [path] = process.argv.slice(2)
if (path === undefined) throw new Error('say which report: node scripts/asvs-results.ts report.json')
const run: Run = JSON.parse(readFileSync(path, 'utf8'))
const files = new Map(run.testResults.map(({ name, assertionResults }) => [relative('.', name), assertionResults]))

const worst = (results: readonly Result[]): Result => worstFirst.find((each) => results.includes(each)) ?? 'not-run'

function resultOf({ file, title }: ShownBy): Result {
  const shape = asWritten(title)
  const tests = (files.get(file) ?? []).filter((test) =>
    [test.title, ...test.ancestorTitles].some((each) => shape.test(each)),
  )
  return worst(tests.map(({ status }) => (status === 'passed' || status === 'failed' ? status : 'skipped')))
}

/** A title as it is written, with anything where a test of a table puts its values. */
function asWritten(title: string): RegExp {
  const parts = title.split(/%[sdifjoO#$]|\$[\w.]+/)
  return new RegExp(`^${parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('[\\s\\S]*')}$`)
}

for (const { number, verdict, tests } of requirements) {
  const results = tests.map((test) => ({ ...test, result: resultOf(test) }))
  const result = tests.length === 0 ? null : worst(results.map((each) => each.result))
  if (result !== null && result !== 'passed') process.exitCode = 1
  console.log(JSON.stringify({ number, verdict, result, tests: results }))
}
