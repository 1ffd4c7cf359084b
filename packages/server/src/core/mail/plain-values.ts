import type { Locale } from '../locale.ts'

/** Controls, line and paragraph separators, and what turns the direction of text or hides in it. */
const unprintable =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out.
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]+/g

/** A value as one line of at most `length` characters, without controls and without marks that reorder what is around it. */
export function oneLine(value: string, length = 100): string {
  const line = value.normalize('NFC').replaceAll(unprintable, ' ').replaceAll(/\s+/g, ' ').trim()
  const characters = [...line]
  return characters.length <= length ? line : `${characters.slice(0, length - 1).join('')}…`
}

/**
 * The name somebody gave themselves, or undefined when it reads like an address: whoever chooses a name must not place
 * a link in a mail that bears the sender's good name.
 */
export function personName(value: string | undefined): string | undefined {
  const name = oneLine(value ?? '', 60)
  return name === '' || /[@:/\\]|\p{L}\p{M}*\.\p{L}|www/iu.test(name) ? undefined : name
}

/** An instant in words, in UTC, which it says. @throws RangeError when it is none. */
export function inWords(instant: string, locale: Locale): string {
  const format = new Intl.DateTimeFormat(locale === 'fr' ? 'fr-FR' : 'en-GB', {
    dateStyle: 'long',
    timeStyle: 'short',
    timeZone: 'UTC',
  })
  return `${format.format(new Date(instant))} (UTC)`
}

/** `grace@example.org` as `g…@example.org`: enough for its owner to know it. */
export function maskedAddress(address: string): string {
  const at = address.lastIndexOf('@')
  return at < 1 ? '…' : oneLine(`${address.slice(0, 1)}…${address.slice(at)}`)
}
