import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { classifyUserAgent } from './user-agent.ts'

const classOf = (userAgent: string | undefined): string => classifyUserAgent(userAgent).class

const chrome =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36'

describe('classifyUserAgent', () => {
  it.each([
    chrome,
    'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0',
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15',
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148',
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/142.0.7444.46 Mobile/15E148 Safari/604.1',
    'Mozilla/5.0 (Linux; Android 14; POCO F6 Build/UKQ1) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36',
    'Mozilla/5.0 (Linux; Android 9; CUBOT X19) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile Safari/537.36',
    'Mozilla/5.0 (X11; Linux x86_64; Linux Mint) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36',
    `${chrome} Edg/142.0.0.0`,
    'Mozilla/5.0 (Linux; Android 14; SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36',
    'Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36 NAVER(inapp; search; 1100; 12.7)',
  ])('lets a person’s browser be one: %s', (userAgent) => {
    expect(classifyUserAgent(userAgent)).toEqual({ class: 'browser', score: 0, reason: 'browser' })
  })

  it.each([
    ['curl/8.11.0', 'tool', 'curl'],
    ['python-requests/2.32.3', 'tool', 'python-requests'],
    ['Python/3.12 aiohttp/3.10.1', 'tool', 'python'],
    ['Go-http-client/1.1', 'tool', 'go-http-client'],
    ['Java/17.0.2', 'tool', 'java'],
    ['node', 'tool', 'node'],
    ['got (https://github.com/sindresorhus/got)', 'tool', 'got'],
    ['Mozilla/5.0 (Windows NT; Windows NT 10.0; fr-FR) WindowsPowerShell/5.1.19041', 'tool', 'windowspowershell'],
    ['Mozilla/5.0 zgrab/0.x', 'tool', 'zgrab'],
    ['Mozilla/5.0 (compatible; Nmap Scripting Engine; https://nmap.org/book/nse.html)', 'tool', 'nmap'],
    [chrome.replace('Chrome/', 'HeadlessChrome/'), 'headless', 'headlesschrome'],
    ['Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)', 'crawler', 'googlebot'],
    ['facebookexternalhit/1.1', 'crawler', 'facebookexternalhit'],
    ['Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/x)', 'crawler', 'yandexbot'],
    ['Mozilla/5.0 (compatible; AcmeBot/1.0)', 'bot', 'bot'],
    ['Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)', 'outdated', 'msie'],
    [chrome.replace('142.0.0.0', '49.0.2623.112'), 'outdated', 'chrome'],
    ['Mozilla/5.0', 'unknown', 'unknown'],
    ['Mozilla/5.0 (Windows NT 10.0) Chrome Safari', 'unknown', 'unknown'],
    ['Chrome/142.0.0.0', 'unknown', 'unknown'],
  ])('classes %s as %s by %s', (userAgent, name, reason) => {
    expect(classifyUserAgent(userAgent)).toMatchObject({ class: name, reason })
  })

  it('scores the absent, the broken and the endless above every name', () => {
    expect(classOf(undefined)).toBe('empty')
    expect(classOf('')).toBe('empty')
    expect(classOf('   ')).toBe('empty')
    expect(classOf('x'.repeat(513))).toBe('malformed')
    expect(classOf('Mozilla/5.0 (unclosed')).toBe('malformed')
    expect(classOf('Mozilla/5.0 )(')).toBe('malformed')
    expect(classOf('Mozilla/5.0 \u0007')).toBe('malformed')
    expect(classOf('Mozilla/5.0 \u{1f600}')).toBe('malformed')
    expect(classifyUserAgent('(').score).toBeGreaterThan(classifyUserAgent('curl/8').score)
  })

  it('gives nobody a better score for adding words to what gives them away', () => {
    const word = fc.constantFrom(...chrome.split(' '), 'Googlebot/2.1', 'curl/8', 'AcmeBot', 'Firefox/145.0')
    fc.assert(
      fc.property(fc.array(word, { maxLength: 8 }), fc.array(word, { maxLength: 8 }), (before, after) => {
        const alone = classifyUserAgent('HeadlessChrome/142.0')
        const disguised = classifyUserAgent([...before, 'HeadlessChrome/142.0', ...after].join(' '))
        expect(disguised.score).toBeGreaterThanOrEqual(alone.score)
      }),
    )
  })

  it('answers the same for the same text, remembered or not', () => {
    const first = classifyUserAgent('Wget/1.24 (one)')
    for (let index = 0; index < 5_000; index += 1) classifyUserAgent(`flood-${index}`)
    expect(classifyUserAgent('Wget/1.24 (one)')).toEqual(first)
  })

  it('never throws and always scores from 0 to 100, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 600 }), (text) => {
        const { score, reason } = classifyUserAgent(text)
        expect(score).toBeGreaterThanOrEqual(0)
        expect(score).toBeLessThanOrEqual(100)
        expect(reason.length).toBeGreaterThan(0)
      }),
    )
  })

  it.each([
    '('.repeat(256) + ')'.repeat(256),
    '/'.repeat(512),
    'a-'.repeat(256),
    'a '.repeat(256),
    'bot/1 '.repeat(80),
  ])('spends no more than a bounded time on a text made to be slow', (text) => {
    const startedMs = performance.now()
    for (let round = 0; round < 1_000; round += 1) classifyUserAgent(`${text.slice(0, 500)}${round}`)
    // 1,000 texts of 500 characters: a scan that looks back would need minutes.
    expect(performance.now() - startedMs).toBeLessThan(1_000)
  })
})
