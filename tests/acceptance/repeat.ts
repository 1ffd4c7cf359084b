import type { Answer } from '../support/http-client.ts'

/** Does something so many times side by side. */
export const atOnce = <T>(count: number, act: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => act(index)))

/** Does something so many times, one after the other. */
export async function times<T>(count: number, act: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = []
  for (let index = 0; index < count; index += 1) results.push(await act(index))
  return results
}

export const statuses = (answers: readonly Answer[]): number[] => answers.map(({ status }) => status)

/** How many of the answers have a status. */
export const countOf = (answers: readonly Answer[], status: number): number =>
  answers.filter((answer) => answer.status === status).length

/** The status of a refusal and its code. */
export const codeOf = (answer: Answer): readonly unknown[] => [answer.status, answer.json()['code']]
