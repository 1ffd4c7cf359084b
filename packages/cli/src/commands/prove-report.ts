import { styleText } from 'node:util'
import { attackKinds, type Cell, type EndpointCell } from '@rempart/server/isolation'
import { printTable } from '../terminal.ts'
import { proveWords as say } from './prove-words.ts'

const { headings } = say

/** What was tried, and what came of it. */
export interface Proof {
  /** Of the PostgreSQL that was attacked. */
  readonly database: string
  readonly tables: readonly Cell[]
  /** What is otherwise in the catalogue of the database than isolation rests on: a sentence each. */
  readonly catalogue: readonly string[]
  /** Empty where they were left out. */
  readonly endpoints: readonly EndpointCell[]
}

/** Prints the whole matrix, what leaks, and one line that says it all. */
export function printProof(proof: Proof, leaks: number): void {
  console.log(`${say.tables(proof.database)}\n${say.legend}\n`)
  printTables(proof.tables)
  console.log(`\n${say.catalogue} ${proof.catalogue.length === 0 ? say.asMeant : ''}`.trimEnd())
  for (const fault of proof.catalogue) printLeak(fault)
  if (proof.endpoints.length > 0) {
    console.log(`\n${say.endpoints}\n`)
    printEndpoints(proof.endpoints)
  }
  console.log('')
  for (const { role, table, attack, outcome } of proof.tables.filter(({ holds }) => !holds))
    printLeak(say.tableLeak(role, table, attack, outcome))
  for (const { holder, method, path, name, status } of proof.endpoints.filter(({ holds }) => !holds))
    printLeak(say.endpointLeak(holder, `${method} ${path}`, name, status))
  const tables = new Set(proof.tables.map(({ table }) => table)).size
  if (leaks === 0) paint('green', say.whole(proof.tables.length, tables, proof.endpoints.length))
  else paint('red', say.leaking(leaks))
}

function printTables(cells: readonly Cell[]): void {
  const byTable = Map.groupBy(cells, ({ table }) => table)
  printTable(
    [...byTable.entries()],
    [
      { heading: headings.table, cell: ([table]) => table },
      ...attackKinds.map((kind) => ({
        heading: headings.kinds[kind],
        cell: ([, tried]: [string, readonly Cell[]]) =>
          (['rempart_app', 'rempart_worker'] as const)
            .map((role) => mark(tried.filter((each) => each.kind === kind && each.role === role)))
            .join(' '),
      })),
    ],
  )
}

function mark(cells: readonly Cell[]): string {
  if (cells.some(({ holds }) => !holds)) return '✗'
  if (cells.length === 0) return '·'
  return cells.some(({ isFilled }) => isFilled) ? '✓' : '○'
}

function printEndpoints(cells: readonly EndpointCell[]): void {
  const byPlace = Map.groupBy(cells, ({ method, path, place, name }) => `${method} ${path} ${place} ${name}`)
  const answered =
    (holder: string) =>
    (asked: readonly EndpointCell[]): string => {
      const found = asked.find((each) => each.holder === holder)
      return found === undefined ? '·' : `${found.holds ? '✓' : '✗'} ${found.status}`
    }
  printTable(
    [...byPlace.values()],
    [
      { heading: headings.operation, cell: ([first]) => `${first?.method ?? ''} ${first?.path ?? ''}` },
      { heading: headings.id, cell: ([first]) => (first ? `${first.name} (${say.places[first.place]})` : '') },
      { heading: headings['api-key'], cell: answered('api-key') },
      { heading: headings.owner, cell: answered('owner') },
    ],
  )
}

const printLeak = (text: string): void => paint('red', `${say.leak} ${text}`)

/** In colour where standard output is a terminal that shows any. */
const paint = (colour: 'red' | 'green', text: string): void =>
  console.log(styleText(colour, text, { stream: process.stdout }))
