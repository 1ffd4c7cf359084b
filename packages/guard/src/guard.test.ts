import { describe, expect, it } from 'vitest'
import type { Decision } from './decision.ts'
import type { GuardEvent } from './events.ts'
import { PolicyError, type PolicyFault } from './faults.ts'
import { createGuard, type GuardOptions } from './guard.ts'
import type { PolicyOverrides } from './overrides.ts'
import { definePolicy, type PolicyInput, type PolicySource } from './policy.ts'
import { createMemoryStore } from './stores/memory.ts'
import { from } from './testing/arrivals.ts'
import { createHeldStore } from './testing/remote-store.ts'

const client = from('192.0.2.1')
const member = from('192.0.2.1', { account: 'ada', tenant: 'acme' })

const contact: PolicyInput = {
  id: 'contact',
  rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 3, window: '1m' }],
}
const login: PolicyInput = {
  id: 'login',
  rules: [
    { id: 'client', kind: 'rate-limit', by: 'ip', limit: 100, window: '1m' },
    { id: 'tries', kind: 'lockout', by: 'account', attempts: 2, window: '1h', lock: '15m' },
  ],
}

/** A guard with a clock that stands still, over a store in the process unless another is given. */
function guardOf(policies: readonly PolicySource[], options: Partial<GuardOptions> = {}) {
  return createGuard({ store: createMemoryStore({ budgetBytes: 262_144 }), nowMs: () => 1_000, ...options, policies })
}

const atOnce = (answer: Decision | Promise<Decision>): Decision => {
  if (answer instanceof Promise) throw new Error('the answer is not there yet')
  return answer
}

describe('a guard over a store in the process', () => {
  it('answers at once, by policy and by moment', () => {
    const guard = guardOf([contact, login])
    expect(atOnce(guard.early('contact', client))).toMatchObject({
      outcome: 'allow',
      policyId: 'contact',
      remaining: 2,
    })
    expect(atOnce(guard.early('contact', client, { cost: 3 })).outcome).toBe('deny')
    expect(atOnce(guard.late('login', member))).toMatchObject({ outcome: 'allow', counted: false, degraded: false })
  })

  it('allows where a moment has no rule, and refuses to guess at a policy or a cost', () => {
    const guard = guardOf([contact])
    expect(atOnce(guard.late('contact', client))).toMatchObject({
      outcome: 'allow',
      policyId: 'contact',
      counted: false,
    })
    expect(() => guard.early('contacts', client)).toThrow(RangeError)
    expect(() => guard.early('contact', client, { cost: 0 })).toThrow(RangeError)
    expect(guard.policy('contacts')).toBeUndefined()
  })

  it('forgets attempts when a success is reported, those of these subjects only', () => {
    const guard = guardOf([login])
    const other = from('192.0.2.1', { account: 'bob' })
    for (const subjects of [member, other]) {
      for (let sent = 0; sent < 3; sent += 1) guard.late('login', subjects)
    }
    expect(guard.reportSuccess('login', member)).toBeUndefined()
    expect(atOnce(guard.late('login', member)).outcome).toBe('allow')
    expect(atOnce(guard.late('login', other)).reason).toBe('lockout')
  })

  it('does not give a rate limit back for a success', () => {
    const guard = guardOf([{ id: 'mixed', rules: [...contact.rules, ...login.rules] }])
    for (let sent = 0; sent < 3; sent += 1) guard.early('mixed', member)
    guard.reportSuccess('mixed', member)
    expect(atOnce(guard.early('mixed', member)).ruleId).toBe('burst')
  })

  it('lets a key be used once', () => {
    const guard = guardOf([contact])
    expect([guard.mark('nonce', 60_000), guard.mark('nonce', 60_000), guard.mark('other', 60_000)]).toEqual([
      true,
      false,
      true,
    ])
  })
})

describe('a policy set', () => {
  it('is replaced under the same counters, or not at all', () => {
    const guard = guardOf([contact])
    guard.early('contact', client, { cost: 3 })
    const wider = { ...contact, rules: [{ ...contact.rules[0], limit: 5 }] } as PolicyInput
    guard.replacePolicies([wider])
    expect(atOnce(guard.early('contact', client))).toMatchObject({ outcome: 'allow', remaining: 1 })
    const broken = { ...contact, rules: [{ ...contact.rules[0], limit: 0 }] } as PolicyInput
    expect(() => guard.replacePolicies([broken])).toThrow(PolicyError)
    expect(() => guard.replacePolicies([contact, contact])).toThrow(RangeError)
    expect(atOnce(guard.early('contact', client))).toMatchObject({ limit: 5, remaining: 0 })
  })

  it('has a version that changes with any figure and with no spelling', () => {
    const versionOf = (rule: object) => guardOf([{ id: 'p', rules: [rule as never] }]).policy('p')?.version
    const version = (fields: object) => versionOf({ ...contact.rules[0], ...fields })
    const plain = version({})
    expect(plain).toMatch(/^[0-9a-f]{12}$/)
    expect(version({ window: 60_000, by: ['ip'], cooldown: 0 })).toBe(plain)
    const others = [{ limit: 4 }, { window: '2m' }, { by: 'fingerprint' }, { mode: 'shadow' }, { cost: 2 }].map(version)
    expect(new Set([plain, ...others]).size).toBe(6)
    const list = (deny: string[]) => versionOf({ id: 'list', kind: 'access-list', by: 'ip', deny })
    expect(list(['10.0.0.0/8'])).not.toBe(list(['10.0.0.0/9']))
    const challenged = (steps: object[]) => versionOf({ id: 'l', kind: 'escalation', by: 'ip', window: '1m', steps })
    expect(challenged([{ after: 1, do: 'alert' }])).not.toBe(challenged([{ after: 1, do: 'challenge' }]))
  })
})

describe('a tenant’s own figures', () => {
  const overrides: PolicyOverrides = { contact: { burst: { limit: 5 } } }

  it('hold for its requests, in the counters that are there, and for nobody else’s', () => {
    const guard = guardOf([contact])
    for (let sent = 0; sent < 3; sent += 1) guard.early('contact', client)
    expect(atOnce(guard.early('contact', client)).outcome).toBe('deny')
    expect(atOnce(guard.early('contact', client, { overrides }))).toMatchObject({
      outcome: 'allow',
      limit: 5,
      remaining: 1,
    })
    expect(atOnce(guard.early('contact', client))).toMatchObject({ outcome: 'deny', limit: 3 })
  })

  it('are compiled once for each object, and leave policies they do not name as they are', () => {
    const guard = guardOf([contact, login])
    expect(guard.policy('contact', overrides)).toBe(guard.policy('contact', overrides))
    expect(guard.policy('contact', overrides)?.version).not.toBe(guard.policy('contact')?.version)
    expect(guard.policy('login', overrides)).toBe(guard.policy('login'))
  })

  it('follow the policy when it is replaced', () => {
    const guard = guardOf([contact])
    guard.early('contact', client, { overrides })
    guard.replacePolicies([{ ...contact, rules: [{ ...contact.rules[0], window: '2m' }] as never }])
    expect(atOnce(guard.early('contact', client, { overrides }))).toMatchObject({ limit: 5, windowMs: 120_000 })
  })

  it.each<[string, PolicyOverrides]>([
    ['contact.rules.burts', { contact: { burts: { limit: 5 } } }],
    ['contact.rules.burst.limt', { contact: { burst: { limt: 5 } } }],
    ['contact.rules.burst.limit', { contact: { burst: { limit: -1 } } }],
    ['contact.rules.burst.by', { contact: { burst: { by: 'tenant' } } }],
    ['contact.rules.burst.kind', { contact: { burst: { kind: 'lockout' } } }],
  ])('with a fault at %s leave the policy in force, and are told once', (path, faulty) => {
    const told: (readonly PolicyFault[])[] = []
    const guard = guardOf([contact], { onOverrideFault: (_, faults) => told.push(faults) })
    for (let sent = 0; sent < 2; sent += 1) {
      expect(atOnce(guard.early('contact', client, { overrides: faulty }))).toMatchObject({ limit: 3 })
    }
    expect(told).toHaveLength(1)
    expect(told[0]?.map((fault) => fault.path)).toContain(path)
  })

  it('hold for a policy that was checked before it was given, as for one that is checked now', () => {
    const overrides: PolicyOverrides = { contact: { burst: { limit: 1 } } }
    const guard = guardOf([definePolicy(contact)])
    expect(guard.policy('contact')?.version).toBe(guardOf([contact]).policy('contact')?.version)
    expect(atOnce(guard.early('contact', client, { overrides })).outcome).toBe('allow')
    expect(atOnce(guard.early('contact', client, { overrides })).outcome).toBe('deny')
    guard.replacePolicies([definePolicy({ ...contact, rules: [] })])
    expect(atOnce(guard.early('contact', client)).outcome).toBe('allow')
  })

  it('cannot be lent by a prototype', () => {
    const guard = guardOf([contact])
    const inherited: PolicyOverrides = Object.create(overrides)
    expect(atOnce(guard.early('contact', client, { overrides: inherited })).limit).toBe(3)
  })
})

describe('a guard over a remote store', () => {
  it('admits exactly the limit of requests that overlap on one plan, each with figures of its own', async () => {
    const store = createHeldStore()
    store.behaviour = 'hold'
    const guard = guardOf([contact], { store, deadlineMs: 5_000 })
    const answers = Array.from({ length: 40 }, () => guard.early('contact', client))
    expect(store.lent.size).toBe(40)
    store.letGo()
    const decisions = await Promise.all(answers)
    expect(decisions.filter(({ outcome }) => outcome === 'allow').map(({ remaining }) => remaining)).toEqual([2, 1, 0])
    expect(new Set(decisions).size).toBe(40)
    // Once given back they serve the next decisions.
    store.behaviour = 'answer'
    await guard.early('contact', client)
    expect(guard.policy('contact')?.early?.spares).toHaveLength(40)
  })

  it('answers two clients that overlap each by its own counter', async () => {
    const store = createHeldStore()
    store.behaviour = 'hold'
    const guard = guardOf([contact], { store, deadlineMs: 5_000 })
    const heavy = guard.early('contact', client, { cost: 4 })
    const light = guard.early('contact', from('192.0.2.2'))
    store.letGo()
    expect([(await heavy).outcome, (await light).outcome]).toEqual(['deny', 'allow'])
  })

  it('answers at once what the store knows at once, and what needs no store', async () => {
    const store = createHeldStore()
    const known = { ...store, take: () => undefined }
    const list: PolicyInput = { id: 'list', rules: [{ id: 'no', kind: 'access-list', by: 'ip', deny: ['192.0.2.1'] }] }
    const guard = guardOf([contact, list], { store: known })
    expect(atOnce(guard.early('contact', client))).toMatchObject({ outcome: 'deny', ruleId: 'burst' })
    expect(atOnce(guard.early('list', client)).reason).toBe('access-list')
  })

  it('gives slots back to the store, once', async () => {
    const store = createHeldStore()
    const parallel: PolicyInput = {
      id: 'p',
      rules: [{ id: 's', kind: 'concurrency', by: 'ip', slots: 1, lease: '1m' }],
    }
    const guard = guardOf([parallel], { store })
    const { lease } = await guard.early('p', client)
    expect((await guard.early('p', client)).reason).toBe('concurrency')
    lease?.release(guard.nowMs())
    lease?.release(guard.nowMs())
    expect((await guard.early('p', client)).outcome).toBe('allow')
    expect(store.released).toBe(1)
  })

  it('forgets attempts when a success is reported', async () => {
    const store = createHeldStore()
    const guard = guardOf([login], { store })
    for (let sent = 0; sent < 3; sent += 1) await guard.late('login', member)
    expect((await guard.late('login', member)).reason).toBe('lockout')
    await guard.reportSuccess('login', member)
    expect((await guard.late('login', member)).outcome).toBe('allow')
  })
})

describe.each(['fail', 'throw', 'hold'] as const)('a remote store that does not answer (%s)', (behaviour) => {
  const silent = () => {
    const store = createHeldStore()
    store.behaviour = behaviour
    return store
  }
  const rule = (id: string, onStoreFailure: 'open' | 'closed' | 'local-share', fields: object = {}) =>
    ({ id, kind: 'rate-limit', by: 'ip', limit: 10, window: '1m', onStoreFailure, ...fields }) as const

  it('is waited for no longer than the deadline', async () => {
    const guard = guardOf([contact], { store: silent(), deadlineMs: 30 })
    const before = performance.now()
    expect(await guard.early('contact', client)).toMatchObject({ outcome: 'allow', degraded: true, counted: false })
    expect(performance.now() - before).toBeLessThan(1_000)
  })

  it('leaves each rule to what it declares', async () => {
    const policies: PolicyInput[] = [
      { id: 'closed', rules: [rule('a', 'open'), rule('b', 'closed')] },
      { id: 'shadow', rules: [rule('b', 'closed', { mode: 'shadow' })] },
      { id: 'inherited', onStoreFailure: 'closed', rules: [{ ...contact.rules[0] } as never] },
    ]
    const guard = guardOf(policies, { store: silent(), deadlineMs: 10 })
    const refused = { outcome: 'deny', reason: 'store-failure', degraded: true, retryAfterMs: undefined }
    expect(await guard.early('closed', client)).toMatchObject({ ...refused, ruleId: 'b' })
    expect(await guard.early('inherited', client)).toMatchObject({ ...refused, ruleId: 'burst' })
    expect(await guard.early('shadow', client)).toMatchObject({ outcome: 'allow', degraded: true })
  })

  it('leaves a shared rule its share of the limit, at least one', async () => {
    const store = silent()
    const policies: PolicyInput[] = [
      { id: 'ten', rules: [rule('a', 'open', { limit: 1 }), rule('b', 'local-share')] },
      { id: 'one', rules: [rule('b', 'local-share', { limit: 1 })] },
    ]
    const guard = guardOf(policies, { store, deadlineMs: 1 })
    store.nodeCount = 4
    const outcomes: string[] = []
    for (let sent = 0; sent < 4; sent += 1) outcomes.push((await guard.early('ten', client)).outcome)
    expect(outcomes).toEqual(['allow', 'allow', 'deny', 'deny'])
    expect(await guard.early('ten', client)).toMatchObject({
      reason: 'rate-limit',
      ruleId: 'b',
      limit: 2,
      degraded: true,
    })
    expect((await guard.early('one', client)).outcome).toBe('allow')
    expect((await guard.early('one', client)).outcome).toBe('deny')
    // Nodes that leave give their share back to those that stay.
    store.nodeCount = 2
    expect((await guard.early('ten', client)).outcome).toBe('allow')
  })

  it('lets a success forgive what was counted in its stead', async () => {
    const tries = { ...login.rules[1], onStoreFailure: 'local-share' } as never
    const guard = guardOf([{ id: 'login', rules: [tries] }], { store: silent(), deadlineMs: 1 })
    const outcomes: string[] = []
    for (let sent = 0; sent < 3; sent += 1) outcomes.push((await guard.late('login', member)).outcome)
    await guard.reportSuccess('login', member)
    outcomes.push((await guard.late('login', member)).outcome)
    expect(outcomes).toEqual(['allow', 'allow', 'deny', 'allow'])
  })

  it('does not know whether a key was used, and says so', async () => {
    const guard = guardOf([contact], { store: silent(), deadlineMs: 5 })
    expect(await guard.mark('nonce', 1_000)).toBeUndefined()
  })

  it('hears of a success in vain, and nothing rejects', async () => {
    const guard = guardOf([login], { store: silent(), deadlineMs: 5 })
    await expect(guard.reportSuccess('login', member)).resolves.toBeUndefined()
  })

  it('is asked again by the next request, and believed', async () => {
    const store = silent()
    const guard = guardOf([contact], { store, deadlineMs: 5 })
    await guard.early('contact', client)
    store.behaviour = 'answer'
    expect(await guard.early('contact', client)).toMatchObject({ degraded: false, counted: true })
  })
})

describe('a remote store that answers too late', () => {
  const parallel: PolicyInput = { id: 'p', rules: [{ id: 's', kind: 'concurrency', by: 'ip', slots: 1, lease: '1m' }] }

  it('keeps the working memory it was lent, and gives back slots that nobody waits for', async () => {
    const store = createHeldStore()
    const guard = guardOf([parallel], { store, deadlineMs: 5 })
    const plan = guard.policy('p')?.early
    store.behaviour = 'hold'
    expect(await guard.early('p', client)).toMatchObject({ outcome: 'allow', degraded: true, lease: undefined })
    expect(plan?.spares).toHaveLength(0)
    store.letGo()
    store.behaviour = 'answer'
    await new Promise(setImmediate)
    expect(store.released).toBe(1)
    expect(plan?.spares).toHaveLength(1)
    expect((await guard.early('p', client)).outcome).toBe('allow')
  })
})

describe('events', () => {
  const listen = (policies: readonly PolicyInput[], options: Partial<GuardOptions> = {}) => {
    const events: GuardEvent[] = []
    return { events, guard: guardOf(policies, { ...options, onEvent: (event) => events.push(event) }) }
  }

  it('tell refusals, and nothing of what is admitted', () => {
    const { events, guard } = listen([contact])
    for (let sent = 0; sent < 3; sent += 1) guard.early('contact', client)
    expect(events).toEqual([])
    guard.early('contact', client, { cost: 2 })
    expect(events).toMatchObject([
      {
        type: 'refused',
        policyId: 'contact',
        version: guard.policy('contact')?.version,
        ruleId: 'burst',
        reason: 'rate-limit',
        clockMs: 1_000,
        cost: 2,
        retryAfterMs: 60_000,
        degraded: false,
        counters: [{ ruleId: 'burst', before: 3, after: 3, fits: false, waitMs: 60_000 }],
      },
    ])
  })

  it('tell challenges and what shadow rules would have done', () => {
    const policy: PolicyInput = {
      id: 'p',
      rules: [
        { id: 'bots', kind: 'signal', sources: ['userAgent'], challenge: 50 },
        { id: 'trial', kind: 'rate-limit', by: 'ip', limit: 1, window: '1m', mode: 'shadow' },
      ],
    }
    const { events, guard } = listen([policy])
    guard.early('p', from('192.0.2.1', { evidence: { signals: { userAgent: 60 } } }))
    guard.early('p', client)
    guard.early('p', client)
    expect(events.map(({ type, ruleId }) => [type, ruleId])).toEqual([
      ['challenged', 'bots'],
      ['shadow-refused', 'trial'],
    ])
    expect(events[0]?.evidence).toEqual({ signals: { userAgent: 60 } })
  })

  it('name nobody: subjects are hashed under a key, and differ with it', () => {
    const subjects = from('198.51.100.77', { account: 'ada@example.org', fingerprint: 'ab'.repeat(32) })
    const hashesUnder = (secret: string) => {
      const { events, guard } = listen([login], { secret })
      for (let sent = 0; sent < 3; sent += 1) guard.late('login', subjects)
      const [event] = events
      expect(JSON.stringify(event)).not.toMatch(/198\.51|ada|abababababab/)
      expect(event?.fpPrefix).toBe('abababab')
      return event?.subjects ?? {}
    }
    const hashes = hashesUnder('one key of at least thirty-two bytes')
    expect(Object.keys(hashes)).toEqual(['ip', 'account'])
    expect(hashes['account']).toMatch(/^[0-9a-f]{16}$/)
    expect(hashesUnder('one key of at least thirty-two bytes')).toEqual(hashes)
    expect(hashesUnder('another key of thirty-two bytes or so')).not.toEqual(hashes)
  })

  it('do not decide: a listener that throws changes nothing', () => {
    const guard = guardOf([contact], {
      onEvent: () => {
        throw new Error('disk full')
      },
    })
    guard.early('contact', client, { cost: 3 })
    expect(atOnce(guard.early('contact', client)).outcome).toBe('deny')
  })

  it('are told of remote decisions with the counters of each', async () => {
    const store = createHeldStore()
    const { events, guard } = listen([contact], { store })
    await Promise.all(Array.from({ length: 5 }, () => guard.early('contact', client)))
    expect(events.map(({ counters }) => counters[0]?.before)).toEqual([3, 3])
    store.behaviour = 'fail'
    const closed = { ...contact, onStoreFailure: 'closed' } as const
    guard.replacePolicies([closed])
    await guard.early('contact', client)
    expect(events.at(-1)).toMatchObject({ reason: 'store-failure', degraded: true, counters: [] })
  })
})
