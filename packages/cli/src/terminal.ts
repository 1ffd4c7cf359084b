/** One column of a table: its heading and the text of its cell. */
export interface Column<T> {
  readonly heading: string
  readonly cell: (row: T) => string
  /** Cut to fit where the terminal is narrow. One column of a table at most. */
  readonly isElastic?: boolean
}

/** Prints for a program: one JSON document. */
export function printJson(value: unknown): void {
  console.log(JSON.stringify(value, null, 2))
}

/** Prints rows in aligned columns. On a terminal the elastic column gives way so that no line wraps. */
export function printTable<T>(rows: readonly T[], columns: readonly Column<T>[]): void {
  const cells = rows.map((row) => columns.map((column) => printable(column.cell(row))))
  const widths = columns.map((column, index) =>
    Math.max(width(column.heading), ...cells.map((line) => width(line[index] ?? ''))),
  )
  shrink(widths, columns)
  console.log(
    alignedLine(
      columns.map((column) => column.heading),
      widths,
    ),
  )
  for (const line of cells) console.log(alignedLine(line, widths))
}

/** Prints one thing, a line for each of its members; a text of several lines stands indented below its label. */
export function printDetails(members: readonly (readonly [label: string, value: string])[]): void {
  const longest = Math.max(...members.map(([label]) => width(label)))
  for (const [label, value] of members) {
    const lines = value.split('\n').map(printable)
    if (lines.length > 1) console.log([label, ...lines.map((line) => `  ${line}`)].join('\n'))
    else console.log(`${pad(label, longest)}  ${lines[0] ?? ''}`.trimEnd())
  }
}

/** Says something to the person, beside what the command prints. */
export function note(text: string): void {
  console.error(text)
}

/** An instant to the minute, in UTC; a dash for none. */
export function minute(instant: string | Date | null): string {
  if (instant === null) return '-'
  const text = typeof instant === 'string' ? instant : instant.toISOString()
  return `${text.slice(0, 16).replace('T', ' ')}Z`
}

/**
 * Text that others wrote, fit for a terminal: what would move the cursor, change colours or turn the direction of
 * reading is shown as its code.
 */
export function printable(text: string): string {
  return text.replace(unprintable, (character) => `\\u{${character.codePointAt(0)?.toString(16) ?? ''}}`)
}

const unprintable = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/gu

const gap = 2

function shrink(widths: number[], columns: readonly Column<never>[]): void {
  const elastic = columns.findIndex((column) => column.isElastic === true)
  const own = widths[elastic]
  if (own === undefined || !process.stdout.isTTY) return
  const all = widths.reduce((sum, each) => sum + each, 0) + gap * (widths.length - 1)
  widths[elastic] = Math.max(8, own - Math.max(0, all - process.stdout.columns))
}

function alignedLine(cells: readonly string[], widths: readonly number[]): string {
  return cells
    .map((cell, index) => pad(cut(cell, widths[index] ?? 0), widths[index] ?? 0))
    .join(' '.repeat(gap))
    .trimEnd()
}

const pad = (text: string, columns: number): string => text + ' '.repeat(Math.max(0, columns - width(text)))

const segments = new Intl.Segmenter()
const wide =
  /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u

/** Columns a text takes on a terminal. */
function width(text: string): number {
  let columns = 0
  for (const { segment } of segments.segment(text)) columns += wide.test(segment) ? 2 : 1
  return columns
}

function cut(text: string, columns: number): string {
  if (width(text) <= columns) return text
  let kept = ''
  for (const { segment } of segments.segment(text)) {
    if (width(kept) + width(segment) > columns - 1) break
    kept += segment
  }
  return `${kept}…`
}
