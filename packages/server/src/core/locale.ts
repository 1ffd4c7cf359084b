import Negotiator from 'negotiator'

/** A language the server speaks. */
export type Locale = 'en' | 'fr'

/** Characters of the header that are read: more than a browser sends, and little enough to read on every request. */
const MAX_HEADER = 256

/** Headers remembered for each fallback; a browser's languages are a handful of values. */
const REMEMBERED = 200

const PREFERENCES: Record<Locale, { readonly order: readonly Locale[]; readonly answers: Map<string, Locale> }> = {
  en: { order: ['en', 'fr'], answers: new Map() },
  fr: { order: ['fr', 'en'], answers: new Map() },
}

/**
 * The language to answer in: the one the client prefers of those the server speaks, else `fallback`. A tie goes to the
 * client's order. What stands after 256 characters is not read.
 *
 * @see RFC 9110 §12.5.4
 */
export function negotiateLocale(acceptLanguage: string | undefined, fallback: Locale): Locale {
  if (acceptLanguage === undefined || acceptLanguage === '') return fallback
  const { order, answers } = PREFERENCES[fallback]
  const header = bounded(acceptLanguage)
  const known = answers.get(header)
  if (known !== undefined) return known

  const preferred = new Negotiator({ headers: { 'accept-language': header } }).language(order)
  const locale = preferred === 'en' || preferred === 'fr' ? preferred : fallback
  if (answers.size >= REMEMBERED) answers.clear()
  answers.set(header, locale)
  return locale
}

/** Cut at a comma, so that no half of a language is read as another one. */
function bounded(header: string): string {
  return header.length <= MAX_HEADER ? header : header.slice(0, Math.max(0, header.lastIndexOf(',', MAX_HEADER)))
}
