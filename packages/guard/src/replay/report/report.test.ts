import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createReplay } from '../replay.ts'
import type { ReplayResult } from '../result.ts'
import { html } from './html.ts'
import { renderReport } from './report.ts'

const hostile = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onmouseover='alert(1)",
  '</style><script>alert(1)</script>',
  '</title><svg onload=alert(1)>',
  '&lt;b&gt;&#60;i&#62;',
  '\u202Egnp.exe\u2066',
  '\u001b[31mred\u0000',
  '$' + '{alert(1)} {{7*7}} `x`',
]

/** A replay whose every text is somebody's attempt. */
function hostileResult(text: string): ReplayResult {
  const policy = (id: string, limit: number) => ({
    id,
    rules: [
      { id: 'burst', kind: 'rate-limit' as const, by: 'ip' as const, limit, window: '60s' },
      { id: 'mine', kind: 'rate-limit' as const, by: 'account' as const, limit, window: '60s' },
    ],
  })
  const routing = (policyId: string) => ({ policiesOf: () => [{ policyId, pattern: '/' }] })
  const run = createReplay({
    policies: { name: text, policies: [policy('a', 2)], routing: routing('a') },
    compareWith: { name: text, policies: [policy('b', 1)], routing: routing('b') },
    suggestShare: 0.1,
    storeBytes: 1_048_576,
  })
  const escaped = JSON.stringify(text).slice(1, -1)
  const line = (second: number, address: string): string =>
    JSON.stringify({
      ts: 1_779_005_100 + second,
      request: {
        remote_ip: address,
        method: 'GET',
        uri: `/${escaped}`,
        headers: { 'User-Agent': [text], Referer: [text] },
      },
      status: 404,
    })
  const source = run.open(text)
  const lines = [0, 1, 2, 3, 4].flatMap((second) => [line(second, '203.0.113.1'), line(second * 40, '203.0.113.2')])
  source.push(Buffer.from(`${lines.join('\n')}\n{"ts": 1, "bad": "${escaped}"\n${text}\n`))
  source.end()
  return run.finish(true)
}

const tags =
  /^<(?:!doctype html|\/?(?:html|head|title|style|body|header|main|footer|section|h[123]|p|dl|dt|dd|div|table|thead|tbody|tr|td|th|ul|li|b|i|br|span|code|figure|svg|text|line|rect|polyline|polygon|meta|meter)(?: [a-zA-Z][a-zA-Z0-9-]*="[^"<>]*")*\/?)>/

/** Every `<` of a page opens one of the report's own tags, and no attribute runs code. */
function expectOwnTags(page: string): void {
  const [head = '', rest = ''] = page.split('<style>')
  const [style = '', body = ''] = rest.split('</style>')
  expect(style).not.toContain('<')
  for (const part of [head, body]) {
    for (let at = part.indexOf('<'); at >= 0; at = part.indexOf('<', at + 1)) {
      expect(part.slice(at, at + 300)).toMatch(tags)
    }
    expect(part.replace(/"[^"]*"/g, '""')).not.toMatch(/<[^>]* (?:on\w+|style|href|src)=/i)
  }
}

describe('the report', () => {
  it.each(hostile)('shows %j as a text and nothing else', (text) => {
    for (const language of ['en', 'fr'] as const) {
      const page = renderReport(hostileResult(text), language, false)
      expectOwnTags(page)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there.
      expect(page).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202a-\u202e\u2066-\u2069]/)
    }
  })

  it('allows a browser to load and to run nothing', () => {
    const page = renderReport(hostileResult('x'), 'en', true)
    const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page)?.[1]
    expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-[\w+/=]+'; base-uri 'none'; form-action 'none'$/)
    expect(page).not.toMatch(/<script|<link|<img|<iframe|url\(|@import|https?:\/\//)
  })

  it('begins with what follows from it, in the reader’s language', () => {
    const result = hostileResult('x')
    expect(renderReport(result, 'en', false)).toContain(
      'This policy would have refused 30% of requests, from 1 of 2 clients; none of them looks human.',
    )
    expect(renderReport(result, 'fr', false)).toContain(
      'Cette politique aurait refusé 30\u00a0% des requêtes, venant de 1 client sur 2\u00a0; aucun n’a l’air humain.',
    )
  })

  it('says that it is of a part of the log, what was not judged and what could not be read', () => {
    const page = renderReport(hostileResult('x'), 'en', false)
    expect(page).toContain('Only a part of the log was read.')
    expect(page).toContain('<code>a/mine</code>: a log does not tell accounts')
    expect(page).toContain('2 lines could not be read.')
    expect(page).toContain('a mark that means nothing outside this report')
    expect(renderReport(hostileResult('x'), 'en', true)).not.toContain('a mark that means nothing')
  })

  it('of a log without requests is a page all the same', () => {
    const run = createReplay({ policies: { name: 'p', policies: [], routing: { policiesOf: () => [] } } })
    run.open('empty').end()
    const result = run.finish(false)
    expect(renderReport(result, 'en', false)).toContain('The log holds no request.')
    expect(renderReport(result, 'fr', false)).toContain('Le journal ne contient aucune requête.')
  })
})

describe('a template', () => {
  it('escapes whatever is put in it, in texts and in attributes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const made = html`<p title="${text}">${text}</p>`.text
        expect(made).toMatch(/^<p title="[^"<>']*">[^<>]*<\/p>$/)
      }),
    )
    expect(html`${[html`<b>${'a&b'}</b>`, undefined, 3]}`.text).toBe('<b>a&#38;b</b>3')
  })
})
