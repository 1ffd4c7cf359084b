import { createRecentCache } from '../recent-cache.ts'

/** A language refusals are written in. */
export type Locale = 'en' | 'fr'

/** More than a browser sends, and little enough to read for each refusal. */
const MAX_HEADER = 256

const answers = {
  en: createRecentCache<Locale>(256),
  fr: createRecentCache<Locale>(256),
} as const

/**
 * The language to refuse in: the one the client likes best of the two, else `fallback`. A tie goes to the one named
 * first. What stands after 256 characters is not read.
 *
 * @see RFC 9110 §12.5.4
 */
export function chooseLocale(acceptLanguage: string | undefined, fallback: Locale): Locale {
  if (acceptLanguage === undefined || acceptLanguage === '') return fallback
  const header = acceptLanguage.slice(0, MAX_HEADER)
  const known = answers[fallback].get(header)
  if (known !== undefined) return known
  const locale = readPreference(header, fallback)
  answers[fallback].set(header, locale)
  return locale
}

const range = /^\s*(\*|[a-z]{1,8}(?:-[a-z\d]{1,8})*)\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*)?$/i

function readPreference(header: string, fallback: Locale): Locale {
  const qualities = readQualities(header)
  const others = qualities.get('*') ?? 0
  const weightOf = (locale: Locale): number => qualities.get(locale) ?? others
  const named = [...qualities.keys()].filter((language) => language === 'en' || language === 'fr')
  const candidates: readonly Locale[] = [...named, fallback, 'en', 'fr']
  const best = Math.max(...candidates.map(weightOf))
  return best === 0 ? fallback : (candidates.find((locale) => weightOf(locale) === best) ?? fallback)
}

/** By language without its region, in the order named. `fr-CA;q=0.9, fr;q=0.2` is somebody who reads French. */
function readQualities(header: string): ReadonlyMap<string, number> {
  const qualities = new Map<string, number>()
  for (const part of header.split(',')) {
    const [, tag, q = '1'] = range.exec(part) ?? []
    const language = tag?.toLowerCase().split('-')[0]
    if (language !== undefined) qualities.set(language, Math.max(qualities.get(language) ?? 0, Number(q)))
  }
  return qualities
}
