import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RequestHeaders } from './client-address.ts'
import { decide } from './decide.ts'
import type { RateLimitInput } from './rules/rate-limit.ts'
import { createMemoryStore } from './stores/memory.ts'
import { isSubject, type Subject } from './subject.ts'
import { earlyPlan, from, latePlan } from './testing/arrivals.ts'

const once = (by: Subject | readonly Subject[]): RateLimitInput => ({
  id: 'once',
  kind: 'rate-limit',
  by,
  limit: 1,
  window: '1h',
})

/** Whether two senders share the counter of a rule by this subject. */
function share(
  by: Subject | readonly Subject[],
  first: ReturnType<typeof from>,
  second: ReturnType<typeof from>,
): boolean {
  const plan = earlyPlan([once(by)])
  const store = createMemoryStore({ budgetBytes: 65_536 })
  decide(plan, store, first, 1, 0)
  return decide(plan, store, second, 1, 0).outcome === 'deny'
}
const withHeaders = (headers: RequestHeaders | undefined) => from('192.0.2.1', { headers })

describe('an address block', () => {
  it('holds whoever rotates within it and nobody outside', () => {
    const client = from('2001:db8:aa:bb00::1')
    expect(share('ip', client, from('2001:db8:aa:bb01::1'))).toBe(false)
    expect(share('ip/56', client, from('2001:db8:aa:bbff:ffff::1'))).toBe(true)
    expect(share('ip/56', client, from('2001:db8:aa:bc00::1'))).toBe(false)
    expect(share('ip/48', client, from('2001:db8:aa:ffff::1'))).toBe(true)
    expect(share('ip/48', client, from('2001:db8:ab::1'))).toBe(false)
    expect(share('ip/33', from('2001:db8:8000::1'), from('2001:db8:ffff::1'))).toBe(true)
    expect(share('ip/33', from('2001:db8:8000::1'), from('2001:db8:7fff::1'))).toBe(false)
  })

  it('of an IPv4 client is its address, in any disguise', () => {
    expect(share('ip/48', from('192.0.2.1'), from('::ffff:192.0.2.1'))).toBe(true)
    expect(share('ip/48', from('192.0.2.1'), from('192.0.2.2'))).toBe(false)
  })
})

describe('a header', () => {
  it('is counted by its text, absent as empty, several lines as one', () => {
    const by = 'header:x-client'
    expect(share(by, withHeaders({ 'x-client': 'a' }), withHeaders({ 'x-client': 'a' }))).toBe(true)
    expect(share(by, withHeaders({ 'x-client': 'a' }), withHeaders({ 'x-client': 'b' }))).toBe(false)
    expect(share(by, withHeaders({ 'x-client': ['a', 'b'] }), withHeaders({ 'x-client': 'a, b' }))).toBe(true)
    expect(share(by, withHeaders({}), withHeaders(undefined))).toBe(true)
  })

  it('left out does not let its sender out of the rule', () => {
    expect(share(['ip', 'header:user-agent'], withHeaders({}), withHeaders({}))).toBe(true)
  })

  it('is not found on what every object has', () => {
    for (const name of ['constructor', 'valueof', 'tostring'] as const) {
      expect(share(`header:${name}`, withHeaders({}), withHeaders({}))).toBe(true)
    }
  })

  it('costs no more than its first thousand characters', () => {
    const long = (end: string) => withHeaders({ 'x-client': 'x'.repeat(1_024) + end })
    expect(share('header:x-client', long('a'), long('b'))).toBe(true)
  })

  it('does not run together with the subject beside it', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.nat(), (route, value, cut) => {
        const joined = route + value
        const at = cut % (joined.length + 1)
        fc.pre(joined.slice(0, at) !== route)
        const one = from('192.0.2.1', { route, headers: { 'x-client': value } })
        const other = from('192.0.2.1', { route: joined.slice(0, at), headers: { 'x-client': joined.slice(at) } })
        expect(share(['route', 'header:x-client'], one, one)).toBe(true)
        expect(share(['route', 'header:x-client'], one, other)).toBe(false)
      }),
    )
  })
})

describe('a route', () => {
  it('has one counter for its pattern', () => {
    const on = (route: string) => from('192.0.2.1', { route })
    expect(share(['ip', 'route'], on('/forms/:slug'), on('/forms/:slug'))).toBe(true)
    expect(share(['ip', 'route'], on('/forms/:slug'), on('/leads/:id'))).toBe(false)
  })
})

describe('the names of subjects', () => {
  it.each(['ip', 'ip/56', 'ip/20', 'ip/63', 'route', 'header:x-a_b', 'api-key'])('are known: %s', (name) => {
    expect(isSubject(name)).toBe(true)
  })

  it.each([
    'ip/64',
    'ip/128',
    'ip/8',
    'ip/5',
    'ip/',
    'ip/5e1',
    'header:',
    'header:<name>',
    'header:X-Up',
    'header:a b',
    'header:a\n',
    'country',
    7,
    null,
  ])('are refused: %j', (name) => {
    expect(isSubject(name)).toBe(false)
  })

  it('that come with the body or the credential are decided late', () => {
    const store = createMemoryStore({ budgetBytes: 65_536 })
    expect(earlyPlan([once(['ip/48', 'route', 'header:x-client'])]).counts).toHaveLength(1)
    const plan = latePlan([once(['ip', 'account'])])
    expect(decide(plan, store, from('192.0.2.1'), 1, 0).counted).toBe(false)
  })
})
