import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createPolicyMatcher } from './match.ts'
import type { RequestMatch } from './path-pattern.ts'

const matcherOf = (table: Readonly<Record<string, string | readonly string[]>>) =>
  createPolicyMatcher(
    Object.entries(table).map(([id, patterns]) => ({ id, matches: [patterns].flat().map((text) => matchOf(text)) })),
  )

/** `POST /contact`, or `/contact` for any method, or `GET,PUT /contact`. */
function matchOf(text: string): RequestMatch {
  const [methods, path] = text.includes(' ') ? text.split(' ') : ['', text]
  return { methods: methods === '' || methods === undefined ? undefined : methods.split(','), path: path ?? '' }
}

const site = matcherOf({
  general: '/*',
  contact: 'POST /contact',
  forms: 'GET /forms/public/:slug',
  demo: 'GET /forms/public/demo',
  evaluate: 'POST /forms/public/:slug/evaluate',
  health: 'GET /health/*',
  admin: '/admin/*',
  login: 'POST /Account/LogIn.aspx',
  'file.get': 'GET /files/:name',
  café: '/caf%C3%A9/menu',
})

const idsOf = (method: string, target: string) => site.match(method, target).map(({ policyId }) => policyId)

describe('a pattern', () => {
  it.each([
    ['GET', '/', 'general'],
    ['GET', '/anything/at/all', 'general'],
    ['POST', '/contact', 'contact'],
    ['POST', '/contact?from=mail', 'contact'],
    ['POST', '/contact/more', 'general'],
    ['POST', '/contacts', 'general'],
    ['GET', '/contact', 'general'],
    ['GET', '/forms/public/callback', 'forms'],
    ['GET', '/forms/public/demo', 'demo'],
    ['POST', '/forms/public/demo/evaluate', 'evaluate'],
    ['GET', '/forms/public', 'general'],
    ['GET', '/health', 'health'],
    ['GET', '/health/ready', 'health'],
    ['GET', '/healthy', 'general'],
    ['DELETE', '/admin', 'admin'],
    ['DELETE', '/admin/users/7', 'admin'],
    ['GET', '/café/menu', 'café'],
    ['GET', '/caf%c3%a9/menu', 'café'],
  ])('decides who has %s %s: %s', (method, target, id) => {
    expect(idsOf(method, target)).toEqual([id])
  })

  it('is chosen by what it says from the left: a word before a parameter, a parameter before the rest', () => {
    const matcher = matcherOf({
      rest: '/a/*',
      parameter: '/a/:x/c',
      word: '/a/b/:y',
      both: '/a/b/c',
      top: '/:x/b/c',
    })
    const first = (target: string) => matcher.match('GET', target)[0]?.policyId
    expect([first('/a/b/c'), first('/a/b/d'), first('/a/z/c'), first('/a/z/d'), first('/z/b/c'), first('/z')]).toEqual([
      'both',
      'word',
      'parameter',
      'rest',
      'top',
      undefined,
    ])
  })

  it('with the method beats one for any method, and gives way where the method is another', () => {
    const matcher = matcherOf({ any: '/a/b', post: 'POST /a/b', below: 'PUT /a/:x', rest: '/*' })
    const first = (method: string, target: string) => matcher.match(method, target)[0]?.policyId
    expect([first('POST', '/a/b'), first('GET', '/a/b'), first('PUT', '/a/c'), first('GET', '/a/c')]).toEqual([
      'post',
      'any',
      'below',
      'rest',
    ])
  })

  it('leaves preflights alone unless it names them', () => {
    expect(site.match('OPTIONS', '/contact')).toEqual([])
    expect(matcherOf({ cors: 'OPTIONS /contact' }).match('OPTIONS', '/contact')).toHaveLength(1)
  })

  it('finds the same policy as a plain look at every pattern does', () => {
    const word = fc.constantFrom('a', 'b', 'c')
    const pattern = fc
      .tuple(fc.array(fc.oneof(word, fc.constant(':x')), { maxLength: 4 }), fc.boolean())
      .map(([segments, rest]) => `/${[...segments, ...(rest ? ['*'] : [])].join('/')}`)
    fc.assert(
      fc.property(
        fc.uniqueArray(pattern, { maxLength: 8 }),
        fc.array(word, { maxLength: 5 }).map((segments) => `/${segments.join('/')}`),
        (patterns, target) => {
          const matcher = createPolicyMatcher(
            patterns.map((path) => ({ id: path, matches: [{ methods: undefined, path }] })),
          )
          expect(matcher.match('GET', target).map(({ policyId }) => policyId)).toEqual(naive(patterns, target))
        },
      ),
    )
  })
})

/** Every pattern tried, and the best of those that fit by comparing segment after segment. */
function naive(patterns: readonly string[], target: string): string[] {
  const path = target.split('/').filter((segment) => segment !== '')
  const fitting = patterns.filter((pattern) => {
    const segments = pattern.split('/').filter((segment) => segment !== '')
    const isOpen = segments.at(-1) === '*'
    const fixed = isOpen ? segments.slice(0, -1) : segments
    const hasLength = isOpen ? path.length >= fixed.length : path.length === fixed.length
    return hasLength && fixed.every((segment, index) => segment === ':x' || segment === path[index])
  })
  const weight = (pattern: string) =>
    `${pattern
      .split('/')
      .filter((segment) => segment !== '')
      .map((segment) => (segment === '*' ? 'a' : segment === ':x' ? 'b' : 'c'))
      .join('')}c`
  return fitting.sort((one, two) => (weight(one) < weight(two) ? 1 : -1)).slice(0, 1)
}

describe('whoever wants to slip past a policy', () => {
  it.each([
    '/contact/',
    '//contact',
    '///contact///',
    '/contact/.',
    '/./contact',
    '/x/../contact',
    '/contact/x/..',
    '/../../contact',
    '/%63ontact',
    '/c%6Fntact',
    '/%2563ontact',
    '/%63%6f%6e%74%61%63%74',
    '/Contact',
    '/CONTACT',
    '/%43ONTACT',
    '/contact%2f',
    '/contact%2F',
    '/%2fcontact',
    '/x%2f..%2fcontact',
    '/x/%2e%2e/contact',
    '/x/%2E./contact',
    '/x/%252e%252e/contact',
    '/x%5c..%5ccontact',
    '\\contact',
    '/\\contact',
    '/x\\..\\contact',
    '/contact;v=1',
    '/contact;jsessionid=1/',
    '/;x=1/contact',
    '/x/..;/contact',
    '/x/..;a=b/contact',
    '/contact%3bv=1',
    '/contact%20',
    '/contact%0a',
    '/contact%09',
    '/contact%00',
    '/contact%00.html',
    '/contact.',
    '/contact..',
    '/contact#x',
    '/contact%23x',
    '/contact?',
    '/contact//?x=/y',
    '/\u017fa/../contact',
    'http://example.org/contact',
    'HTTPS://user@example.org:8443/contact?x',
    '/ｃontact',
    '/%EF%BD%83ontact',
  ])('%j is still contact', (target) => {
    expect(idsOf('POST', target)).toContain('contact')
  })

  it.each(['/account/login.aspx', '/Account/LogIn.aspx', '/ACCOUNT/LOGIN.ASPX', '/account/login.a\u017fpx'])(
    'gains nothing by the case of %s, whatever the case of the pattern',
    (target) => {
      expect(idsOf('POST', target)).toContain('login')
    },
  )

  it('gains nothing by HEAD, nor by a method in lower case', () => {
    expect(idsOf('HEAD', '/forms/public/demo')).toEqual(['demo'])
    expect(idsOf('post', '/contact')).toEqual(['contact'])
  })

  it.each([
    // A server that resolves dots serves the contact form; one that does not, whatever is below /health.
    ['POST', '/health/../contact', ['contact']],
    ['GET', '/health/../admin', ['admin', 'health']],
    ['GET', '/health/..%2fadmin/users', ['admin', 'health']],
    ['GET', '/admin/../health', ['admin', 'health']],
    ['GET', '/admin/%2e%2e/health', ['admin', 'health']],
    ['GET', '/health;/../admin', ['admin', 'health']],
    // `/Health` is /health to one server, and a name of its own to another.
    ['GET', '/Health', ['general', 'health']],
    ['GET', '/%68ealth', ['general', 'health']],
    ['GET', '/files/..%2fadmin', ['admin', 'file.get']],
    ['GET', '/files/a%2f..%2f..%2fadmin', ['admin', 'file.get']],
  ])('cannot hide behind the more generous of two readings: %s %s is under %j', (method, target, ids) => {
    expect(idsOf(method, target)).toEqual(expect.arrayContaining(ids))
  })

  it('meets the one policy of a path that can be read in one way only', () => {
    for (const target of ['/forms/public/caf%C3%A9', '/files/Report%202026.PDF', '/files/a.b', '/files/a+b=c@d,e']) {
      expect([target, idsOf('GET', target).length]).toEqual([target, 1])
    }
  })

  it('cannot make a look-up throw, with any bytes', () => {
    const bytes = fc.string({
      unit: fc.constantFrom('/', '.', '%', '2', 'e', 'f', 'F', ';', '\\', '\0', 'é', ' ', '#'),
    })
    fc.assert(
      fc.property(bytes, (path) => {
        expect(site.match('GET', `/${path}`).length).toBeGreaterThan(0)
      }),
    )
    for (const target of ['', '*', '/%', '/%zz', '/%c0%af', '/%ff%fe', '/\ud800', 'example.org:443', '/__proto__']) {
      expect(site.match('GET', target).length).toBeGreaterThan(0)
    }
  })

  it('cannot undo a policy by writing its path in other ways, several at a time', () => {
    const spellings: readonly ((path: string) => string)[] = [
      (path) => path.toUpperCase(),
      (path) => `/${path}`,
      (path) => `${path}/`,
      (path) => `${path}/.`,
      (path) => `/x/..${path}`,
      (path) => `/x/..;y${path}`,
      (path) => path.replace(/c/i, '%63'),
      (path) => path.replace(/%/g, '%25'),
      (path) => path.replace(/\/$/, '%2f'),
      (path) => path.replace(/\/$/, '\\'),
      (path) => `${path};a=b`,
      (path) => `${path}%20`,
    ]
    const choice = fc.array(fc.constantFrom(...spellings), { maxLength: 3 })
    fc.assert(
      fc.property(choice, (ways) => {
        const target = ways.reduce((path, way) => way(path), '/contact')
        // More than two rounds of encoding are what no server undoes.
        fc.pre(!target.includes('%2525'))
        expect([target, idsOf('POST', target)]).toEqual([target, expect.arrayContaining(['contact'])])
      }),
    )
  })

  it('is under every policy with a path too long for the many ways it can be read', () => {
    const target = `/${'x%252f..;\\A/'.repeat(60)}contact`
    expect(idsOf('POST', target)).toEqual(expect.arrayContaining(['general', 'contact', 'evaluate', 'admin', 'login']))
  })

  it('pays for a long path what it costs to send, not more', () => {
    const hostile = `/${'%252E./;A\\'.repeat(1_600)}`
    const startedMs = performance.now()
    for (let round = 0; round < 20; round += 1) site.match('GET', hostile)
    expect((performance.now() - startedMs) / 20).toBeLessThan(20)
  })
})
