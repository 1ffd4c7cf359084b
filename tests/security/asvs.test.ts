import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { faultsOf } from './asvs/faults.ts'
import { levelOneNumbers, levelTwoNumbers } from './asvs/numbers.ts'
import { met, notMet, testsOf } from './asvs/requirement.ts'
import { requirements } from './asvs/requirements.ts'

const numbers = [...levelOneNumbers, ...levelTwoNumbers]

function readTests(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

describe('what is said of the requirements of ASVS', () => {
  it('is said of each of the 59 of level 1 and the 135 of level 2, once, and names tests that there are', () => {
    expect([levelOneNumbers.length, levelTwoNumbers.length, new Set(numbers).size]).toEqual([59, 135, 194])
    expect(faultsOf(requirements, numbers, readTests)).toEqual([])
  })

  it('stands in the order of the standard', () => {
    const parts = (number: string) =>
      number
        .split('.')
        .map((part) => part.padStart(2, '0'))
        .join('.')
    const said = requirements.map(({ number }) => parts(number))
    expect(said).toEqual(said.toSorted())
  })
})

describe('the check of it', () => {
  const text =
    "it('holds', () => {})\nit('is doubled', () => {})\ndescribe('is doubled', () => {})\n// 'only a comment'\n"
  const check = (...said: Parameters<typeof faultsOf>[0]) =>
    faultsOf(said, ['1.1.1'], (file) => (file === 'a.test.ts' ? text : undefined))

  it.each([
    ['a number that is missing', [], '1.1.1 is missing'],
    [
      'a number that nobody knows',
      [met('1.1.1', testsOf('a')('holds')), notMet('9.9.9', 'No.')],
      '9.9.9 is no requirement',
    ],
    ['a number that stands twice', [met('1.1.1', testsOf('a')('holds')), notMet('1.1.1', 'No.')], '1.1.1 stands twice'],
    ['a file that is not there', [met('1.1.1', testsOf('b')('holds'))], '1.1.1: there is no b.test.ts'],
    ['a test that is not there', [met('1.1.1', testsOf('a')('hold'))], '1.1.1: no test of a.test.ts is called "hold"'],
    [
      'a title that only a comment has',
      [met('1.1.1', testsOf('a')('only a comment'))],
      '1.1.1: no test of a.test.ts is called "only a comment"',
    ],
    [
      'a title that two tests have',
      [met('1.1.1', testsOf('a')('is doubled'))],
      '1.1.1: several tests of a.test.ts are called "is doubled"',
    ],
    ['a requirement that is met without a test', [met('1.1.1')], '1.1.1: is met, and no test shows it'],
    [
      'a requirement that is not met without a reason',
      [notMet('1.1.1', '')],
      '1.1.1: does not say in a sentence what is wanting',
    ],
  ])('finds %s', (_, said, fault) => {
    expect(check(...said)).toEqual([fault])
  })

  it('finds nothing in what is right', () => {
    expect(check(met('1.1.1', testsOf('a')('holds')))).toEqual([])
  })
})
