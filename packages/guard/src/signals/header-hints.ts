import type { RequestHeaders } from '../client-address.ts'
import { classifyUserAgent } from './user-agent.ts'

/** A header that a browser would have sent, or one that contradicts its User-Agent. */
export type HeaderHint =
  | 'accept-missing'
  | 'accept-language-missing'
  | 'accept-encoding-missing'
  | 'fetch-metadata-missing'
  | 'fetch-metadata-malformed'
  | 'client-hints-missing'
  | 'client-hints-foreign'
  | 'client-hints-headless'
  | 'brand-mismatch'
  | 'platform-mismatch'
  | 'mobile-mismatch'

/** How far the headers contradict the browser that the User-Agent names. */
export interface HeaderHints {
  /** 0 (consistent, or no browser is named) to 100: the sum of the hints, capped. */
  readonly score: number
  readonly hints: readonly HeaderHint[]
}

/** What the reader may take for granted. */
export interface HeaderHintOptions {
  /** Browsers send `Sec-` headers over https only (and to localhost): without it their absence says nothing. */
  readonly isSecure: boolean
}

const weights: Readonly<Record<HeaderHint, number>> = {
  'accept-missing': 25,
  'accept-language-missing': 25,
  'accept-encoding-missing': 20,
  'fetch-metadata-missing': 30,
  'fetch-metadata-malformed': 40,
  'client-hints-missing': 25,
  'client-hints-foreign': 40,
  'client-hints-headless': 80,
  'brand-mismatch': 50,
  'platform-mismatch': 40,
  'mobile-mismatch': 30,
}

const consistent: HeaderHints = Object.freeze({ score: 0, hints: Object.freeze([]) })

/** No value that is read here is longer in a browser. */
const LONGEST_VALUE = 1_024

/**
 * Compares the headers of a request with the browser that its User-Agent names. A script that copies a User-Agent
 * seldom copies what goes with it. Says nothing of a sender that names no browser: `classifyUserAgent` does.
 *
 * A proxy that strips headers looks like a script: a hint is a reason to ask for more, not to refuse.
 *
 * @see https://www.w3.org/TR/fetch-metadata/ and https://wicg.github.io/ua-client-hints/
 */
export function readHeaderHints(headers: RequestHeaders, options: HeaderHintOptions): HeaderHints {
  const userAgent = text(headers, 'user-agent')
  if (userAgent === undefined || classifyUserAgent(userAgent).class !== 'browser') return consistent
  const found: HeaderHint[] = []
  if (text(headers, 'accept') === undefined) found.push('accept-missing')
  if (text(headers, 'accept-language') === undefined) found.push('accept-language-missing')
  if (text(headers, 'accept-encoding') === undefined) found.push('accept-encoding-missing')
  const browser = readBrowser(userAgent)
  judgeFetchMetadata(headers, browser, options, found)
  judgeClientHints(headers, browser, options, found)
  return found.length === 0 ? consistent : { score: sum(found), hints: found }
}

function sum(hints: readonly HeaderHint[]): number {
  let score = 0
  for (const hint of hints) score += weights[hint]
  return Math.min(score, 100)
}

/** The value of a header with something in it; several values are one text. */
function text(headers: RequestHeaders, name: string): string | undefined {
  const value = headers[name]
  const joined = Array.isArray(value) ? value.join(', ') : value
  return typeof joined !== 'string' || joined.trim() === '' ? undefined : joined.slice(0, LONGEST_VALUE)
}

/** What a User-Agent says of the engine under it. */
interface Browser {
  readonly engine: 'chromium' | 'firefox' | 'safari'
  /** Major version; 0 when it is not told. */
  readonly version: number
  readonly isMobile: boolean
  readonly platform: string | undefined
}

function readBrowser(userAgent: string): Browser {
  const isMobile = /\bMobile\b/.test(userAgent)
  const platform = platforms.find(([, mark]) => userAgent.includes(mark))?.[0]
  // Every browser on iOS is Safari underneath, and says neither `Chrome/` nor `Firefox/`.
  const chromium = versionAfter(userAgent, ' Chrome/')
  if (chromium !== undefined) return { engine: 'chromium', version: chromium, isMobile, platform }
  const firefox = versionAfter(userAgent, ' Firefox/')
  if (firefox !== undefined) return { engine: 'firefox', version: firefox, isMobile, platform }
  return { engine: 'safari', version: versionAfter(userAgent, ' Version/') ?? 0, isMobile, platform }
}

/** Platforms by their name in `Sec-CH-UA-Platform`; Android and Chrome OS before the Linux and X11 they mention. */
const platforms: readonly (readonly [string, string])[] = [
  ['iOS', 'iPhone'],
  ['iOS', 'iPad'],
  ['Android', 'Android'],
  ['Chrome OS', 'CrOS'],
  ['Windows', 'Windows NT'],
  ['macOS', 'Macintosh'],
  ['Linux', 'Linux'],
]

function versionAfter(userAgent: string, mark: string): number | undefined {
  const start = userAgent.indexOf(mark)
  if (start < 0) return undefined
  const version = Number.parseInt(userAgent.slice(start + mark.length, start + mark.length + 5), 10)
  return Number.isNaN(version) ? undefined : version
}

/** Versions from which an engine sends `Sec-Fetch-*` with every request, with some room. */
const fetchMetadataSince: Readonly<Record<Browser['engine'], number>> = { chromium: 90, firefox: 95, safari: 17 }

const fetchSites: ReadonlySet<string> = new Set(['cross-site', 'same-origin', 'same-site', 'none'])
const fetchModes: ReadonlySet<string> = new Set(['cors', 'navigate', 'no-cors', 'same-origin', 'websocket'])

function judgeFetchMetadata(
  headers: RequestHeaders,
  browser: Browser,
  options: HeaderHintOptions,
  found: HeaderHint[],
): void {
  const site = text(headers, 'sec-fetch-site')
  const mode = text(headers, 'sec-fetch-mode')
  if (site === undefined && mode === undefined) {
    const isSent = options.isSecure && browser.version >= fetchMetadataSince[browser.engine]
    if (isSent) found.push('fetch-metadata-missing')
    return
  }
  // They come together, and a browser sends no other words.
  const isSound = site !== undefined && mode !== undefined && fetchSites.has(site) && fetchModes.has(mode)
  if (!isSound) found.push('fetch-metadata-malformed')
}

/** Chromium versions that send brand, platform and mobile with every request over https, with some room. */
const CLIENT_HINTS_SINCE = 100

function judgeClientHints(
  headers: RequestHeaders,
  browser: Browser,
  options: HeaderHintOptions,
  found: HeaderHint[],
): void {
  const brands = text(headers, 'sec-ch-ua')
  if (browser.engine !== 'chromium') {
    if (brands !== undefined) found.push('client-hints-foreign')
    return
  }
  if (brands === undefined) {
    if (options.isSecure && browser.version >= CLIENT_HINTS_SINCE) found.push('client-hints-missing')
    return
  }
  if (brands.includes('Headless')) found.push('client-hints-headless')
  else if (isOtherVersion(brands, browser.version)) found.push('brand-mismatch')
  judgePlatform(headers, browser, found)
}

/** Whether Chromium names itself with another major version than the User-Agent does. */
function isOtherVersion(brands: string, version: number): boolean {
  const told = /"Chromium";\s?v="(\d{1,4})/.exec(brands)?.[1]
  return told !== undefined && Number(told) !== version
}

function judgePlatform(headers: RequestHeaders, browser: Browser, found: HeaderHint[]): void {
  const platform = text(headers, 'sec-ch-ua-platform')?.replaceAll('"', '')
  if (platform !== undefined && browser.platform !== undefined && platform !== browser.platform) {
    found.push('platform-mismatch')
  }
  const mobile = text(headers, 'sec-ch-ua-mobile')
  if (mobile !== undefined && mobile !== (browser.isMobile ? '?1' : '?0')) found.push('mobile-mismatch')
}
