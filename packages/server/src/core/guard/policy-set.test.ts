import type { PolicyInput, PolicySource } from '@rempart/guard'
import { describe, expect, it } from 'vitest'
import { createPolicySet, type RoutedRequest } from './policy-set.ts'

const limit = { kind: 'rate-limit', by: 'ip', limit: 5, window: '1m' } as const
const policy = (id: string): PolicyInput => ({ id, rules: [{ id: 'burst', ...limit }] })
const contact = policy('contact.submit')
const base = [policy('general'), contact] as const

const setOf = (policies: Readonly<Record<string, unknown>>, file: object = {}) =>
  createPolicySet(base, { version: 1, policies, ...file })
interface Given {
  readonly method?: string
  /** Absent: the target itself. */
  readonly route?: string | undefined
  readonly guard?: PolicySource | 'none'
}
function request(url: string, given: Given = {}): RoutedRequest {
  const pattern = 'route' in given ? given.route : url
  const route = {
    ...(pattern !== undefined && { url: pattern }),
    ...(given.guard !== undefined && { guard: given.guard }),
  }
  return { method: given.method ?? 'GET', url, route }
}
const onContact = request('/api/v1/contact', { method: 'POST', guard: contact })
const onHealth = request('/health/ready', { guard: 'none' })

describe('the policies of a request', () => {
  it('are what its route declares, the general one where it declares nothing, and none where it says so', () => {
    for (const set of [createPolicySet(base, undefined), setOf({}), setOf({ other: { match: { path: '/other' } } })]) {
      expect([set.of(onContact), set.of(request('/x')), set.of(onHealth)]).toEqual([
        ['contact.submit'],
        ['general'],
        [],
      ])
      expect(set.of(request('/x', { route: undefined }))).toEqual(['general'])
    }
  })

  it('are those of the file where no route declares any', () => {
    const set = setOf({
      login: { match: { method: 'POST', path: '/wp-login.php' } },
      rest: { match: { path: '/old/*' } },
    })
    expect(set.of(request('/wp-login.php', { method: 'POST', route: undefined }))).toEqual(['login'])
    expect(set.of(request('/old/page', { route: undefined }))).toEqual(['rest'])
    expect(set.of(request('/api/v1/leads'))).toEqual(['general'])
  })

  it('stay the route’s under a wider pattern of the file, and its exemption too', () => {
    const set = setOf({
      all: { match: { path: '/*' } },
      api: { match: { path: '/api/v1/*' } },
      h: { match: { path: '/health/*' } },
    })
    expect([set.of(onContact), set.of(onHealth), set.of(request('/x'))]).toEqual([['contact.submit'], [], ['all']])
    expect(set.of(request('/api/v1/leads'))).toEqual(['api'])
  })

  it('are the file’s where it names the route, or what is more special', () => {
    const set = setOf({
      health: { match: { method: 'GET', path: '/health/ready' } },
      mine: { match: { method: 'POST', path: '/api/v1/contact' } },
      demo: { match: { method: 'GET', path: '/forms/demo' } },
    })
    expect([set.of(onContact), set.of(onHealth)]).toEqual([['mine'], ['health']])
    const form = policy('forms.view')
    expect(set.of(request('/forms/demo', { route: '/forms/:slug', guard: form }))).toEqual(['demo'])
    expect(set.of(request('/forms/other', { route: '/forms/:slug', guard: form }))).toEqual(['forms.view'])
  })

  it('cannot be chosen by another spelling of the path', () => {
    const set = setOf({ strict: { match: { path: '/strict' } }, lax: { match: { path: '/lax/*' } } })
    for (const target of ['//strict', '/%73trict', '/STRICT/', '/lax/../strict', '/lax/..%2fstrict']) {
      expect([target, set.of(request(target, { route: undefined }))]).toEqual([
        target,
        expect.arrayContaining(['strict']),
      ])
    }
  })

  it('keep the route’s own where another reading of the path is under a more special one', () => {
    const set = setOf({ lax: { match: { path: '/lax/:a/:b/:c' } } })
    const url = '/api/v1/contact#/../../../../lax/a/b/c'
    expect(set.of({ ...onContact, url })).toEqual(['contact.submit'])
    const both = setOf({ lax: { match: { path: '/lax/:a/:b/:c' } }, all: { match: { path: '/*' } } })
    expect(both.of({ ...onContact, url })).toContain('contact.submit')
  })

  it('keep the route’s own under every odd spelling of its path, whatever the file says of another one', () => {
    const set = setOf({ lax: { match: { path: '/api/v1/health/ready' } }, free: { match: { path: '/status/live' } } })
    const form = policy('forms.view')
    const contact = [
      '#/../health/ready',
      '%23/../health/ready',
      `#${'/x/..'.repeat(500)}/../health/ready`,
      ';/../health/ready',
    ]
    for (const more of contact) {
      const ids = set.of({ ...onContact, url: `/api/v1/contact${more}` })
      expect([more.slice(0, 20), ids]).toEqual([more.slice(0, 20), expect.arrayContaining(['contact.submit'])])
    }
    for (const slug of [
      '..%2f../status/live',
      '%2e%2e%2fstatus%2flive',
      '..%5cstatus%5clive',
      '..;/status/live',
      '.%2e/status/live',
    ]) {
      const ids = set.of(request(`/f/${slug}`, { route: '/f/:slug', guard: form }))
      expect([slug, ids]).toEqual([slug, expect.arrayContaining(['forms.view'])])
    }
    // What no policy is declared for is under the general one, and not under one that is for something else.
    expect(set.of(request('/api/v1/leads#/../health/ready', { route: '/api/v1/leads' }))).toContain('general')
  })

  it('with a preset are the same, but for what the preset says more', () => {
    for (const name of ['pixel', 'caddy', 'public-forms', 'platform']) {
      const set = createPolicySet(base, { version: 1, extends: name })
      expect([name, set.of(onContact), set.of(onHealth)]).toEqual([name, ['contact.submit'], []])
    }
  })
})
