/** A test, or a group of tests, by its file and by its title as it is written there. */
export interface ShownBy {
  readonly file: string
  readonly title: string
}

/** What is said of one requirement; `why` in our own words, for every verdict but `met`. */
export type Requirement = { readonly number: string } & (
  | { readonly verdict: 'met'; readonly tests: readonly ShownBy[]; readonly why?: undefined }
  | { readonly verdict: 'partly'; readonly tests: readonly ShownBy[]; readonly why: string }
  | { readonly verdict: 'not-met' | 'not-applicable'; readonly tests: readonly []; readonly why: string }
)

/** The tests of one file. @param path - from the root of the repository, without `.test.ts`. */
export const testsOf =
  (path: string) =>
  (...titles: string[]): ShownBy[] =>
    titles.map((title) => ({ file: `${path}.test.ts`, title }))

/** Of a file below `packages/server/src/`. */
export const serverTests = (path: string): ((...titles: string[]) => ShownBy[]) =>
  testsOf(`packages/server/src/${path}`)

type Groups = readonly (readonly ShownBy[])[]

export const met = (number: string, ...tests: Groups): Requirement => ({ number, verdict: 'met', tests: tests.flat() })

/** @param why - what is wanting. */
export const partly = (number: string, why: string, ...tests: Groups): Requirement => ({
  number,
  verdict: 'partly',
  why,
  tests: tests.flat(),
})

export const notMet = (number: string, why: string): Requirement => ({ number, verdict: 'not-met', why, tests: [] })

export const notApplicable = (number: string, why: string): Requirement => ({
  number,
  verdict: 'not-applicable',
  why,
  tests: [],
})
