/**
 * Cells of a CSV file that a spreadsheet shows as text, whatever a visitor typed.
 *
 * A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` for a formula, which may call out to the
 * network or to other programs. Quoting alone prevents nothing: quotes are gone by the time the cell is read. So
 * - text gets an apostrophe in front of such a beginning, as the spreadsheet's own users type it;
 * - the same after each separator inside the text: a program that splits at semicolons (Excel in French) does
 *   not honour the quotes of a file separated by commas, and starts a cell there;
 * - numbers (JSON numbers, not text that looks like one) stay bare and stay numbers, negative ones too;
 * - E.164 phone numbers are written `(+33)612345678`: digits for people and for phone software, but neither a
 *   formula nor a number, which would lose its + and turn into 3.36E+10.
 */

/**
 * One cell, quoted where it holds text (RFC 4180 §2.5 to §2.7), ready to be joined with commas.
 *
 * Lists are joined with `; `, objects written as JSON, dates as RFC 3339; `null`, `undefined` and numbers that
 * are not finite give an empty cell.
 */
export function toCsvCell(value: unknown): string {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? String(value) : ''
    case 'bigint':
    case 'boolean':
      return String(value)
    case 'string':
      return textCell(value)
    case 'object':
      return objectCell(value)
    default:
      return ''
  }
}

/** One line of a CSV file, with its CRLF. */
export function toCsvRow(values: readonly unknown[]): string {
  return `${values.map(toCsvCell).join(',')}\r\n`
}

function objectCell(value: object | null): string {
  if (value === null) return ''
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? '' : value.toISOString()
  if (Array.isArray(value)) return value.length === 0 ? '' : textCell(value.map(plainText).join('; '))
  return textCell(JSON.stringify(value))
}

function plainText(value: unknown): string {
  if (typeof value === 'string') return phoneText(value) ?? value
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value ?? '')
}

function textCell(text: string): string {
  return text === '' ? '' : `"${(phoneText(text) ?? neutralise(text)).replaceAll('"', '""')}"`
}

/** E.164: a country calling code (ITU-T E.164.D: 1 and 7, two digits, else three), at most fifteen digits in all. */
const PHONE = /^\+(?=\d{7,15}$)(1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|[2-9]\d{2})(\d+)$/

function phoneText(text: string): string | undefined {
  const parts = PHONE.exec(text)
  return parts === null ? undefined : `(+${parts[1]})${parts[2]}`
}

/**
 * What a spreadsheet skips before a formula: white space, controls, default-ignorable characters. Line ends and
 * tabs are separators instead, for a run of them must not be scanned once from each of them.
 */
const UNSEEN = '[[\\s\\p{Cc}\\p{Default_Ignorable_Code_Point}]--[\\t\\n\\r\\u2028\\u2029]]*'
/** What begins a formula, fullwidth forms included: East Asian spreadsheets fold them. */
const STARTS = '[=+\\-@\\uff1d\\uff0b\\uff0d\\uff20\\u2212]'
/** Where a cell begins: the text's own start, and after anything some program separates cells or lines with. */
const FORMULA_START = new RegExp(`(^|[,;\\|\\t\\n\\r\\u2028\\u2029"'])(${UNSEEN})(?=${STARTS})`, 'gv')
/** A tab or line end at the very start is itself a trigger in some programs. */
const LEADING_CONTROL = /^[\t\r\n]/

function neutralise(text: string): string {
  const wellFormed = text.toWellFormed().replaceAll('\u0000', '')
  const guarded = wellFormed.replace(FORMULA_START, "$1'$2")
  return LEADING_CONTROL.test(guarded) ? `'${guarded}` : guarded
}
