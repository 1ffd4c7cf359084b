import { type CountryCode, isSupportedCountry, parsePhoneNumberFromString } from 'libphonenumber-js/max'
import type { Refusal } from '../messages.ts'
import type { Reader } from './reader.ts'

/** Fifteen digits, + and generous punctuation; longer text is not worth parsing. */
const MAX_TYPED = 40
/** What people type between digits. Letters are out: they would be read as an extension or as dial-pad words. */
const TYPED = /^[+\d\s().\-/\u2010-\u2015\u2212\u00b7]+$/
/** Address books put invisible direction marks around a copied number. */
const DIRECTION_MARKS = /[\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/g
const INVALID: Refusal = { code: 'phone-invalid' }

/** Whether numbers without + can be read as those of this country (ISO 3166-1 alpha-2, upper case). */
export function isPhoneCountry(country: string): country is CountryCode {
  return isSupportedCountry(country)
}

/**
 * A reader of phone numbers into E.164, such as `+33612345678`. The number must be one its country's numbering
 * plan can hold; an extension is refused, for E.164 would lose it.
 */
export function phoneReader(country: CountryCode | undefined): Reader {
  const options = { extract: false, ...(country === undefined ? {} : { defaultCountry: country }) }
  return (answer) => {
    if (typeof answer !== 'string') return { code: 'text-expected' }
    if (answer.length > 4 * MAX_TYPED) return INVALID
    const typed = answer.replace(DIRECTION_MARKS, '').trim()
    if (typed === '') return undefined
    if (typed.length > MAX_TYPED || !TYPED.test(typed)) return INVALID
    const phone = parsePhoneNumberFromString(typed, options)
    return phone?.isValid() === true ? phone.number : INVALID
  }
}
