import { describe, expect, it } from 'vitest'
import { readHeaderHints } from './header-hints.ts'

const https = { isSecure: true }

const chrome = {
  'user-agent':
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
  accept: 'text/html,application/xhtml+xml,*/*;q=0.8',
  'accept-language': 'fr-FR,fr;q=0.9',
  'accept-encoding': 'gzip, deflate, br, zstd',
  'sec-fetch-site': 'same-origin',
  'sec-fetch-mode': 'cors',
  'sec-ch-ua': '"Chromium";v="142", "Google Chrome";v="142", "Not_A Brand";v="99"',
  'sec-ch-ua-mobile': '?0',
  'sec-ch-ua-platform': '"Windows"',
}
const firefox = {
  'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0',
  accept: '*/*',
  'accept-language': 'en-US',
  'accept-encoding': 'gzip',
  'sec-fetch-site': 'cross-site',
  'sec-fetch-mode': 'cors',
}
const safari = {
  'user-agent':
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1',
  accept: '*/*',
  'accept-language': 'en-GB',
  'accept-encoding': 'gzip, br',
  'sec-fetch-site': 'same-origin',
  'sec-fetch-mode': 'cors',
}
const android = {
  ...chrome,
  'user-agent':
    'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36',
  'sec-ch-ua-mobile': '?1',
  'sec-ch-ua-platform': '"Android"',
}
const edge = {
  ...chrome,
  'user-agent': `${chrome['user-agent']} Edg/142.0.0.0`,
  'sec-ch-ua': '"Chromium";v="142", "Microsoft Edge";v="142", "Not_A Brand";v="99"',
}

describe('readHeaderHints', () => {
  it.each([
    ['Chrome', chrome],
    ['Firefox', firefox],
    ['Safari on a phone', safari],
    ['Chrome on a phone', android],
    ['Edge', edge],
  ])('finds nothing against %s', (_name, headers) => {
    expect(readHeaderHints(headers, https)).toEqual({ score: 0, hints: [] })
  })

  it('finds nothing against a browser over plain http, which sends no Sec- headers', () => {
    const plain = Object.fromEntries(Object.entries(chrome).filter(([name]) => !name.startsWith('sec-')))
    expect(readHeaderHints(plain, { isSecure: false }).score).toBe(0)
    expect(readHeaderHints(plain, https).hints).toEqual(['fetch-metadata-missing', 'client-hints-missing'])
  })

  it('catches a script that copied nothing but the User-Agent', () => {
    const bare = { 'user-agent': chrome['user-agent'], accept: '*/*' }
    expect(readHeaderHints(bare, { isSecure: false }).score).toBeGreaterThanOrEqual(45)
    expect(readHeaderHints(bare, https).score).toBe(100)
  })

  it.each([
    ['another version in the brands', { 'sec-ch-ua': '"Chromium";v="98"' }, 'brand-mismatch'],
    ['a headless brand', { 'sec-ch-ua': '"HeadlessChrome";v="142"' }, 'client-hints-headless'],
    ['another platform', { 'sec-ch-ua-platform': '"Linux"' }, 'platform-mismatch'],
    ['a phone that is none', { 'sec-ch-ua-mobile': '?1' }, 'mobile-mismatch'],
    ['a fetch site that no browser sends', { 'sec-fetch-site': 'same' }, 'fetch-metadata-malformed'],
    ['half of the fetch metadata', { 'sec-fetch-mode': '' }, 'fetch-metadata-malformed'],
  ])('catches %s', (_name, headers, hint) => {
    expect(readHeaderHints({ ...chrome, ...headers }, https).hints).toEqual([hint])
  })

  it('catches Chromium headers under the name of Firefox or Safari', () => {
    for (const browser of [firefox, safari]) {
      const forged = { ...browser, 'sec-ch-ua': chrome['sec-ch-ua'] }
      expect(readHeaderHints(forged, https).hints).toEqual(['client-hints-foreign'])
    }
  })

  it('leaves senders that name no browser to the class of their User-Agent', () => {
    expect(readHeaderHints({ 'user-agent': 'curl/8.11' }, https).score).toBe(0)
    expect(readHeaderHints({}, https).score).toBe(0)
  })

  it('reads headers that came as lists or as endless texts without failing', () => {
    const odd = { ...chrome, 'sec-ch-ua': ['"Chromium";v="142"', 'x'.repeat(100_000)], accept: ['', ''] }
    expect(readHeaderHints(odd, https).score).toBe(0)
  })
})
