import { beforeEach, describe, expect, it } from 'vitest'
import { parseClientAddress } from '../../client-address.ts'
import { type Decision, snapshotDecision } from '../../decision.ts'
import type { GuardEvent } from '../../events.ts'
import { createGuard, type Guard } from '../../guard.ts'
import { type RateLimitHeaders, rateLimitHeaders } from '../../headers.ts'
import { createMemoryStore } from '../../stores/memory.ts'
import type { Subjects } from '../../subject.ts'
import { loadPolicies } from '../load.ts'
import { createPolicyMatcher } from '../match.ts'
import type { PresetName } from './presets.ts'

/*
 * Each preset against the document it answers to, rule by rule, under a clock of the test's own and with nothing but the
 * preset: as in the gateway. What a real server answers under them is in tests/acceptance.
 */

interface Sent {
  readonly ip?: string
  readonly account?: string
  readonly solved?: boolean
}

let clockMs: number
let events: GuardEvent[]
beforeEach(() => {
  clockMs = 1_000
  events = []
})
const elapse = (ms: number): void => {
  clockMs += ms
}

/** What becomes of a request; with no more than an outcome where no policy is for it. */
type Told = Pick<Decision, 'outcome'> & Partial<Decision> & { readonly headers: RateLimitHeaders }

/** A guard under one preset and nothing else. */
function site(name: PresetName) {
  const loaded = loadPolicies({ version: 1, extends: name }, [])
  const matcher = createPolicyMatcher(loaded.map(({ policy, matches }) => ({ id: policy.id, matches })))
  const guard = createGuard({
    policies: loaded.map(({ policy }) => policy),
    store: createMemoryStore({ budgetBytes: 4_194_304 }),
    nowMs: () => clockMs,
    onEvent: (event) => void events.push(event),
  })
  const idsOf = (method: string, path: string) => matcher.match(method, path).map(({ policyId }) => policyId)
  const send = (method: string, path: string, sent: Sent = {}) => answer(guard, idsOf(method, path), sent)
  return {
    guard,
    idsOf,
    send,
    /** What becomes of so many requests of one kind. */
    times: (count: number, method: string, path: string, sent?: Sent) =>
      Array.from({ length: count }, () => send(method, path, sent).outcome),
  }
}

function answer(guard: Guard, ids: readonly string[], sent: Sent): Told {
  let told: Told | undefined
  for (const id of ids) {
    for (const moment of ['early', 'late'] as const) {
      const decision = decide(guard, moment, id, subjectsOf(sent))
      if (decision.outcome !== 'allow') return decision
      if (decision.headers['x-ratelimit-limit'] !== undefined || told === undefined) told = decision
    }
  }
  return told ?? { outcome: 'allow', headers: {} }
}

function decide(guard: Guard, moment: 'early' | 'late', id: string, subjects: Subjects): Told {
  const decision = guard[moment](id, subjects)
  if (decision instanceof Promise) throw new Error('a store in the process answers at once')
  return { ...snapshotDecision(decision), headers: { ...rateLimitHeaders(decision, clockMs) } }
}

function subjectsOf({ ip = '203.0.113.7', account, solved }: Sent): Subjects {
  const address = parseClientAddress(ip)
  if (address === undefined) throw new Error(ip)
  return { ip: address, account, evidence: { solved } }
}

const tally = (outcomes: readonly string[]) => outcomes.filter((outcome) => outcome === 'allow').length
const nth = (index: number): string => `198.51.${index >> 8}.${index & 255}`

describe('pixel: the public API', () => {
  const contact = '/api/v1/contact/'

  it('contact: 3 in 60 s, then a cooldown of 300 s that knocking does not extend', () => {
    const { send, times } = site('pixel')
    expect(times(3, 'POST', contact)).toEqual(['allow', 'allow', 'allow'])
    const fourth = send('POST', contact)
    expect([fourth.outcome, fourth.reason, fourth.headers['retry-after']]).toEqual(['deny', 'cooldown', '300'])
    for (let second = 1; second < 300; second += 1) {
      elapse(1_000)
      const { outcome, headers } = send('POST', contact)
      expect([outcome, headers['retry-after']]).toEqual(['deny', String(300 - second)])
    }
    elapse(1_000)
    expect(tally(times(4, 'POST', contact))).toBe(3)
  })

  it('contact: 3 in any 60 s, not 3 in each minute of the clock', () => {
    const { send, times } = site('pixel')
    elapse(59_000)
    expect(tally(times(3, 'POST', contact))).toBe(3)
    elapse(2_000)
    expect(send('POST', contact).outcome).toBe('deny')
  })

  it('contact: by client, in whatever way it writes the path', () => {
    const { send } = site('pixel')
    const spellings = ['/api/v1/contact', '/API/v1/Contact/', '//api/v1/%63ontact', '/x/../api/v1/contact?a=b']
    expect(spellings.map((path) => send('POST', path).outcome)).toEqual(['allow', 'allow', 'allow', 'deny'])
    expect(send('POST', contact, { ip: '203.0.113.8' }).outcome).toBe('allow')
  })

  it('gate125: 10 in an hour, then a cooldown of an hour; another name of the gate gains nothing', () => {
    const { send, times } = site('pixel')
    expect(tally(times(6, 'POST', '/api/v1/gate125/register/'))).toBe(6)
    expect(tally(times(6, 'POST', '/api/v1/gates/gate125/register'))).toBe(4)
    expect(send('POST', '/api/v1/gate125/register/').headers['retry-after']).toBe('3600')
    elapse(3_599_999)
    expect(send('POST', '/api/v1/gate125/register/').outcome).toBe('deny')
    elapse(1)
    expect(tally(times(11, 'POST', '/api/v1/gate125/register/'))).toBe(10)
  })

  it('resources: 60 in 60 s, without a cooldown, and so without Retry-After', () => {
    const { send, times } = site('pixel')
    expect(tally(times(60, 'GET', '/api/v1/resources/'))).toBe(60)
    const refused = send('GET', '/api/v1/resources/')
    expect([refused.outcome, refused.reason]).toEqual(['deny', 'rate-limit'])
    expect(refused.headers).toMatchObject({ 'x-ratelimit-limit': '60', 'x-ratelimit-remaining': '0' })
    expect(refused.headers['x-ratelimit-reset']).toMatch(/^\d+$/)
    expect(refused.headers).not.toHaveProperty('retry-after')
    // Above 32 a unit comes back up to a thirty-first of the window late, never early.
    elapse(59_999)
    expect(send('GET', '/api/v1/resources/').outcome).toBe('deny')
    elapse(2_001)
    expect(tally(times(61, 'GET', '/api/v1/resources/'))).toBe(60)
  })

  it('health and ready: never, also while everything else is refused', () => {
    const { times } = site('pixel')
    times(10, 'POST', contact)
    for (const path of ['/api/v1/health/', '/api/v1/health/ready/', '/health', '/health/ready']) {
      expect(tally(times(1_000, 'GET', path))).toBe(1_000)
    }
  })

  it('counts no preflight', () => {
    const { times } = site('pixel')
    expect(tally(times(100, 'OPTIONS', contact))).toBe(100)
    expect(tally(times(4, 'POST', contact))).toBe(3)
  })
})

describe('caddy: the reverse proxy', () => {
  it.each([
    ['sign-in', '/auth/login', 5],
    ['health', '/health', 20],
    ['everything else', '/files/7', 120],
  ])('%s (%s): %i a minute for a client, and for each client', (_what, path, limit) => {
    const { send, times } = site('caddy')
    expect(tally(times(limit + 10, 'POST', path))).toBe(limit)
    expect(send('POST', path).headers['retry-after']).toMatch(/^(?:60|6[01])$/)
    expect(tally(times(limit + 10, 'POST', path, { ip: '2001:db8::1' }))).toBe(limit)
    expect(tally(times(1, 'POST', path, { ip: '2001:db8::ffff' }))).toBe(0)
    elapse(62_000)
    expect(tally(times(limit + 10, 'POST', path))).toBe(limit)
  })

  it('holds every window of a minute, whenever requests come', () => {
    const { send } = site('caddy')
    const admittedAt: number[] = []
    for (let index = 0; index < 3_000; index += 1) {
      elapse((index * 7_919) % 173)
      if (send('GET', '/page').outcome === 'allow') admittedAt.push(clockMs)
    }
    for (const [index, start] of admittedAt.entries()) {
      expect(admittedAt.slice(index).filter((at) => at - start < 60_000).length).toBeLessThanOrEqual(120)
    }
    expect(admittedAt.length).toBeGreaterThan(240)
  })

  it('counts everything else together, and sign-in and health apart from it', () => {
    const { times } = site('caddy')
    expect(tally(times(60, 'GET', '/a'))).toBe(60)
    expect(tally(times(61, 'DELETE', '/b/c'))).toBe(60)
    expect([tally(times(6, 'POST', '/auth/login')), tally(times(21, 'GET', '/health/ready'))]).toEqual([5, 20])
  })
})

describe('public-forms: forms and leads', () => {
  it.each([
    ['looking at a form', 'GET', '/forms/public/contact-form', '/forms/public/other', 30],
    ['evaluating', 'POST', '/forms/public/contact-form/evaluate', '/forms/public/other/evaluate', 30],
    ['submitting', 'POST', '/leads/forms/01890a5d/submit', '/leads/forms/other/submit', 10],
  ])('%s: so many a minute for a client, over all forms', (_what, method, path, other, limit) => {
    const { send, times } = site('public-forms')
    expect(tally(times(limit, method, path))).toBe(limit)
    expect(tally(times(2, method, `/api/v1${other}`))).toBe(0)
    expect(send(method, path, { ip: '198.51.100.9' }).outcome).toBe('allow')
    elapse(62_000)
    expect(tally(times(limit + 5, method, other))).toBe(limit)
  })

  it('counts the three apart', () => {
    const { times } = site('public-forms')
    times(40, 'GET', '/forms/public/a')
    expect(tally(times(40, 'POST', '/forms/public/a/evaluate'))).toBe(30)
    expect(tally(times(40, 'POST', '/leads/forms/a/submit'))).toBe(10)
  })
})

describe('platform: accounts and everything behind them', () => {
  const login = '/api/v1/auth/login'

  it('everything: 60 a minute for a client, whatever it asks for', () => {
    const { send, times } = site('platform')
    const paths = ['/api/v1/users/me', '/api/v1/analytics/dashboard', '/api/v1/metro/factures/7', '/', '/nothing']
    expect(tally(Array.from({ length: 70 }, (_, index) => send('GET', paths[index % 5] ?? '').outcome))).toBe(60)
    expect(tally(times(1, 'POST', '/api/v1/auth/refresh'))).toBe(0)
    elapse(62_000)
    expect(tally(times(70, 'GET', '/api/v1/catalog/products'))).toBe(60)
  })

  it('sign-in: 5 a minute for a client, whatever the accounts', () => {
    const { send } = site('platform')
    const outcomes = Array.from({ length: 8 }, (_, index) => send('POST', login, { account: `a${index}` }).outcome)
    expect(tally(outcomes)).toBe(5)
  })

  it('sign-in: a challenge, a delay, a lock of 15 min after 10 attempts, an alert; from any number of addresses', () => {
    const { send } = site('platform')
    let sent = 0
    const attempt = (solved: boolean) => {
      sent += 1
      return send('POST', login, { ip: nth(sent), account: 'ada', solved })
    }
    for (let count = 0; count < 3; count += 1) expect(attempt(false).outcome).toBe('allow')
    expect(attempt(false)).toMatchObject({ outcome: 'challenge', ruleId: 'ladder' })
    expect([attempt(true).outcome, attempt(true).outcome]).toEqual(['allow', 'allow'])
    const waits: number[] = []
    for (let count = 5; count < 10; count += 1) {
      const { outcome, reason, retryAfterMs = 0 } = attempt(true)
      expect([outcome, reason]).toEqual(['deny', 'delay'])
      waits.push(retryAfterMs)
      elapse(retryAfterMs)
      expect(attempt(true).outcome).toBe('allow')
    }
    expect(waits).toEqual([2_000, 4_000, 8_000, 16_000, 32_000])
    expect(attempt(true)).toMatchObject({ outcome: 'deny', reason: 'lock', retryAfterMs: 900_000 })
    expect(events.filter(({ type }) => type === 'alert')).toMatchObject([{ policyId: 'auth.login', ruleId: 'ladder' }])
    expect(send('POST', login, { ip: nth(999), account: 'grace' }).outcome).toBe('allow')
    elapse(899_999)
    expect(attempt(true).outcome).toBe('deny')
    elapse(1)
    expect(attempt(true).outcome).toBe('allow')
  })

  it('sign-in: a success forgets the attempts of the account', () => {
    const { guard, send } = site('platform')
    for (let count = 0; count < 3; count += 1) send('POST', login, { ip: nth(count), account: 'ada' })
    expect(send('POST', login, { ip: nth(10), account: 'ada' }).outcome).toBe('challenge')
    guard.reportSuccess('auth.login', subjectsOf({ account: 'ada' }))
    expect(send('POST', login, { ip: nth(11), account: 'ada' }).outcome).toBe('allow')
  })

  const second = ['/api/v1/mfa/verify', '/api/v1/mfa/enable', '/api/v1/mfa/recovery/verify', '/api/v1/auth/login/mfa']

  it('second factor: 5 a minute for a client, over every way of trying a code', () => {
    const { send } = site('platform')
    const outcomes = Array.from({ length: 12 }, (_, index) => send('POST', second[index % 4] ?? '').outcome)
    expect(tally(outcomes)).toBe(5)
  })

  it('second factor: locked for 15 min after 10 tries of an account, from any number of addresses', () => {
    const { send } = site('platform')
    const outcomes = Array.from({ length: 400 }, (_, index) => {
      return send('POST', second[index % 4] ?? '', { ip: nth(index), account: 'ada' }).outcome
    })
    expect(tally(outcomes)).toBe(10)
    expect(send('POST', second[0] ?? '', { ip: nth(500), account: 'ada' })).toMatchObject({ reason: 'lock' })
    expect(events.filter(({ type }) => type === 'alert')).toHaveLength(1)
    let tries = 0
    for (let minute = 0; minute < 1_440; minute += 1) {
      elapse(60_000)
      if (send('POST', second[minute % 4] ?? '', { ip: nth(minute), account: 'ada' }).outcome === 'allow') tries += 1
    }
    // One in 15 minutes; with the first ten, 106 a day.
    expect(tries).toBe(96)
  })

  it('a refusal of the client spends none of the account’s tries', () => {
    const { send, times } = site('platform')
    times(5, 'POST', login, { account: 'grace' })
    times(50, 'POST', login, { account: 'ada' })
    expect(send('POST', login, { ip: nth(1), account: 'ada' }).outcome).toBe('allow')
  })

  it('health is not limited', () => {
    const { times } = site('platform')
    expect(tally(times(500, 'GET', '/api/v1/health/deep'))).toBe(500)
  })
})
