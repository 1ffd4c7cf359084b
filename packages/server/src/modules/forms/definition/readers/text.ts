import type { Refusal } from '../messages.ts'
import type { Reader } from './reader.ts'

/** C0 and C1 controls and DEL, but those judged as line breaks. */
const CONTROLS = /[\p{Cc}--[\t\n\r]]/v
const LINE_BREAKS = /[\t\n\r\u2028\u2029]/
/** Something a reader can see: not white space, not one of Unicode's invisible fillers. */
const VISIBLE = /[^\s\p{Default_Ignorable_Code_Point}\u2800]/u
const BEYOND_LATIN_1 = /[\u0100-\uffff]/
const CARRIAGE_RETURN = /\r\n?/g

const NOT_TEXT: Refusal = { code: 'text-expected' }

/**
 * A reader of plain text: trimmed, line ends as `\n`, composed (NFC). Lengths are in code points of the result.
 * Text without anything visible counts as no answer.
 */
export function textReader(bounds: { minLength: number; maxLength: number; multiline: boolean }): Reader {
  const { minLength, maxLength, multiline } = bounds
  return (answer) => {
    if (typeof answer !== 'string') return NOT_TEXT
    const text = multiline ? cleanMultiline(answer) : answer.trim()
    // A code point is at most two code units and composed from three at the very most that people type: what is
    // longer still is refused before anything scans it.
    if (text.length > 6 * maxLength) return { code: 'text-too-long', limit: maxLength }
    const composed = compose(text)
    if (!VISIBLE.test(composed)) return undefined
    return characterFault(composed, multiline) ?? lengthFault(composed, minLength, maxLength) ?? composed
  }
}

function lengthFault(text: string, least: number, most: number): Refusal | undefined {
  const length = countCodePoints(text)
  if (length > most) return { code: 'text-too-long', limit: most }
  return length < least ? { code: 'text-too-short', limit: least } : undefined
}

function cleanMultiline(answer: string): string {
  return (answer.includes('\r') ? answer.replace(CARRIAGE_RETURN, '\n') : answer).trim()
}

function compose(text: string): string {
  return BEYOND_LATIN_1.test(text) ? text.normalize('NFC').trim() : text
}

/** What no stored text may contain: half a surrogate pair, control characters, line breaks where one line is asked. */
function characterFault(text: string, multiline: boolean): Refusal | undefined {
  if (CONTROLS.test(text) || !text.isWellFormed()) return { code: 'text-characters' }
  return !multiline && LINE_BREAKS.test(text) ? { code: 'text-line-break' } : undefined
}

function countCodePoints(text: string): number {
  let count = text.length
  for (let index = 0; index < text.length - 1; index += 1) {
    // The text is well formed here: a high surrogate always has its low one.
    if ((text.charCodeAt(index) & 0xfc00) === 0xd800) count -= 1
  }
  return count
}
