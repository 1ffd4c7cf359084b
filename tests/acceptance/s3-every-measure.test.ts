import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'

/** Not part of this: what a running server does not show. The checks before every merge do. */
const notPartOfThis = {
  '5.3': 'coverage by tests of 80 % and more',
  '5.4': 'strict types',
} as const

it('every measure of the document is walked in the files of S3, or is not part of this', () => {
  const files = readdirSync(import.meta.dirname).filter((name) => /^s3-.*\.test\.ts$/.test(name))
  const walked = files.flatMap((name) =>
    [...readFileSync(join(import.meta.dirname, name), 'utf8').matchAll(/^describe\('(\d\.\d) /gm)].map(
      ([, measure]) => measure,
    ),
  )
  const sections = [5, 4, 4, 2, 4, 3, 3, 2].flatMap((count, section) =>
    Array.from({ length: count }, (_, index) => `${section + 1}.${index + 1}`),
  )
  expect(new Set([...walked, ...Object.keys(notPartOfThis)])).toEqual(new Set(sections))
})
