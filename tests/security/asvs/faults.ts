import type { Requirement, ShownBy } from './requirement.ts'

/**
 * What is wrong with what is said of the requirements, one sentence each.
 *
 * @param numbers - every requirement there is.
 * @param readTests - the text of a file of tests; undefined where there is none.
 */
export function faultsOf(
  requirements: readonly Requirement[],
  numbers: readonly string[],
  readTests: (file: string) => string | undefined,
): string[] {
  const said = requirements.map(({ number }) => number)
  return [
    ...numbers.filter((number) => !said.includes(number)).map((number) => `${number} is missing`),
    ...said.filter((number) => !numbers.includes(number)).map((number) => `${number} is no requirement`),
    ...said.filter((number, index) => said.indexOf(number) !== index).map((number) => `${number} stands twice`),
    ...requirements.flatMap((requirement) => faultsOfOne(requirement, readTests)),
  ]
}

function faultsOfOne(
  { number, verdict, tests, why }: Requirement,
  readTests: (file: string) => string | undefined,
): string[] {
  const faults = tests.map((test) => faultOf(test, readTests(test.file)))
  if (verdict === 'met' && tests.length === 0) faults.push('is met, and no test shows it')
  if (verdict !== 'met' && !/^[A-Z].*\.$/.test(why)) faults.push('does not say in a sentence what is wanting')
  return faults.filter((fault) => fault !== undefined).map((fault) => `${number}: ${fault}`)
}

function faultOf({ file, title }: ShownBy, text: string | undefined): string | undefined {
  if (text === undefined) return `there is no ${file}`
  const titles = [...text.matchAll(titleOf(title))]
  if (titles.length === 0) return `no test of ${file} is called "${title}"`
  return titles.length > 1 ? `several tests of ${file} are called "${title}"` : undefined
}

/** A title as the first argument of a call, which is how a test or a group of tests is written. */
function titleOf(title: string): RegExp {
  const literal = title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`\\(\\s*(['"\`])${literal}\\1,`, 'g')
}
