import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ClientAddress, parseClientAddress } from '../client-address.ts'
import type { Decision } from '../decision.ts'
import { createGuard } from '../guard.ts'
import type { PolicyInput } from '../policy.ts'
import type { RuleInput } from '../rule-kinds.ts'
import { createMemoryStore } from '../stores/memory.ts'
import { createReplay, type ReplayOptions, type ReplaySet } from './replay.ts'
import type { ReplayResult } from './result.ts'

const start = Date.UTC(2026, 4, 17, 10) / 1_000

interface Request {
  readonly address?: string
  /** Seconds from the start. */
  readonly at: number
  readonly path?: string
  readonly method?: string
  readonly status?: number
  readonly agent?: string
  readonly referrer?: string
  readonly forwarded?: string
}

function line({ address = '203.0.113.9', at, path = '/', method = 'GET', status = 200, ...rest }: Request): string {
  const date = new Date((start + at) * 1_000).toISOString()
  const time = `${date.slice(8, 10)}/May/2026:${date.slice(11, 19)} +0000`
  const texts = `"${rest.referrer ?? '-'}" "${rest.agent ?? 'Mozilla/5.0 (X11) Firefox/150.0'}"`
  const forwarded = rest.forwarded === undefined ? '' : ` "${rest.forwarded}"`
  return `${address} - - [${time}] "${method} ${path} HTTP/1.1" ${status} 5 ${texts}${forwarded}\n`
}

const limit = (most: number, rule: Partial<RuleInput> & object = {}): PolicyInput => ({
  id: 'general',
  rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: most, window: '60s', ...rule } as RuleInput],
})

/** Everything is under the first policy, but what `paths` sends to others. */
function set(policies: readonly PolicyInput[], paths: Readonly<Record<string, readonly string[]>> = {}): ReplaySet {
  const policiesOf = (_method: string, target: string) =>
    (paths[target] ?? [policies[0]?.id ?? '']).map((policyId) => ({ policyId, pattern: target }))
  return { name: 'tried', policies, routing: { policiesOf } }
}

function replay(
  log: string | readonly Request[],
  options: Partial<ReplayOptions> & Pick<ReplayOptions, 'policies'>,
): ReplayResult {
  const run = createReplay({ showsAddresses: true, storeBytes: 1_048_576, ...options })
  const source = run.open('access.log')
  source.push(Buffer.from(typeof log === 'string' ? log : log.map(line).join('')))
  source.end()
  return run.finish(false)
}

const times = (count: number, request: (index: number) => Request): Request[] =>
  Array.from({ length: count }, (_, index) => request(index))
const only = <Item>(items: readonly Item[]): Item => {
  expect(items).toHaveLength(1)
  return items[0] as Item
}

/** Decides requests as a server would: each policy in turn until one does not admit, and success reported. */
function decideLive(
  policies: readonly PolicyInput[],
  paths: Readonly<Record<string, readonly string[]>>,
  sent: readonly Required<Pick<Request, 'address' | 'at' | 'path' | 'status'>>[],
) {
  let nowMs = 0
  let shadowed = 0
  const guard = createGuard({ policies, store: createMemoryStore(), nowMs: () => nowMs })
  const refused = new Map<string, number>()
  const ask = (ip: ClientAddress, path: string, status: number): void => {
    for (const id of paths[path] ?? []) {
      const decision = guard.early(id, { ip, route: path }) as Decision
      shadowed += Number(decision.shadow)
      if (decision.outcome !== 'allow') {
        refused.set(ip.key, (refused.get(ip.key) ?? 0) + 1)
        return
      }
      if (id === 'general' && status < 400) guard.reportSuccess(id, { ip, route: path })
    }
  }
  for (const { address, at, path, status } of sent) {
    nowMs = (start + at) * 1_000
    ask(parseClientAddress(address) as ClientAddress, path, status)
  }
  return { refused, shadowed }
}

describe('a replay', () => {
  it('decides every request as the guard would have decided it live', () => {
    const policies: readonly PolicyInput[] = [
      {
        id: 'general',
        rules: [
          { id: 'office', kind: 'access-list', by: 'ip', allow: ['203.0.113.1'], deny: ['203.0.113.2'] },
          { id: 'burst', kind: 'rate-limit', by: 'ip', limit: 4, window: '30s' },
          { id: 'network', kind: 'rate-limit', by: 'ip/48', limit: 40, window: '2m', cooldown: '1m' },
          { id: 'even', kind: 'rate-limit', by: 'ip', rate: 12, burst: 3, window: '60s' },
          { id: 'tries', kind: 'lockout', by: 'ip', attempts: 8, window: '1m', lock: '2m' },
          { id: 'dark', kind: 'rate-limit', by: ['ip', 'route'], limit: 2, window: '10s', mode: 'shadow' },
        ],
      },
      {
        id: 'contact',
        rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 2, window: '60s', cooldown: '90s' }],
      },
    ]
    const paths = { '/': ['general'], '/contact': ['contact', 'general'], '/health': [] }
    const requests = fc.array(
      fc.record({
        address: fc.constantFrom(
          '203.0.113.1',
          '203.0.113.2',
          '203.0.113.3',
          '2001:db8::1',
          '2001:db8:0:1::1',
          '::ffff:203.0.113.3',
        ),
        step: fc.nat(9),
        path: fc.constantFrom<keyof typeof paths>('/', '/contact', '/health'),
        status: fc.constantFrom(200, 302, 404),
      }),
      { maxLength: 300 },
    )
    fc.assert(
      fc.property(requests, (steps) => {
        let at = 0
        const sent = steps.map(({ step, ...request }) => {
          at += step > 5 ? 0 : step
          return { ...request, at }
        })
        const { trials } = replay(sent, { policies: set(policies, paths) })

        const live = decideLive(policies, paths, sent)
        const trial = only(trials)
        expect(new Map(trial.refusedClients.map((client) => [client.client, client.refused]))).toEqual(live.refused)
        expect(trial.shadowRefused).toBe(live.shadowed)
        expect(trial.admitted + trial.refused + trial.challenged).toBe(sent.length)
      }),
      { numRuns: 60 },
    )
  })

  it('tells requests, refusals and clients of each policy and rule, over time', () => {
    const policies = [limit(3), { ...limit(1), id: 'contact' }]
    const sent = [
      ...times(5, (at) => ({ at, address: '203.0.113.1' })),
      ...times(2, (at) => ({ at: 300 + at, address: '203.0.113.2', path: '/contact' })),
      ...times(4, (at) => ({ at: 400 + at, address: '203.0.113.3', path: '/health' })),
    ]
    const { trials, log, clients } = replay(sent, {
      policies: set(policies, { '/contact': ['contact'], '/health': [] }),
    })
    const trial = only(trials)
    expect(log).toMatchObject({ requests: 11, lines: 11, from: '2026-05-17T10:00:00Z', to: '2026-05-17T10:06:43Z' })
    expect(clients).toEqual({ count: 3, isExact: true, forgotten: 0 })
    expect(trial).toMatchObject({ requests: 11, exempt: 4, admitted: 8, refused: 3, clients: { refused: 2 } })
    expect(trial.policies).toMatchObject([
      { id: 'general', requests: 5, refused: 2 },
      { id: 'contact', requests: 2, refused: 1 },
    ])
    expect(trial.rules).toMatchObject([
      {
        policyId: 'general',
        requests: 5,
        refused: 2,
        clientsTouched: 1,
        clientsRefused: 1,
        limit: 3,
        windowMs: 60_000,
      },
      { policyId: 'contact', requests: 2, refused: 1, clientsTouched: 1, clientsRefused: 1 },
    ])
    expect(trial.timeline).toMatchObject({ startSecond: start, widthSeconds: 60 })
    expect(trial.timeline.columns).toEqual([
      [5, 0, 0, 0, 0, 2, 4],
      [2, 0, 0, 0, 0, 0, 0],
      [0, 0, 0, 0, 0, 1, 0],
    ])
    expect(trial.refusedClients).toMatchObject([
      { client: '203.0.113.1', requests: 5, refused: 2, rule: 'general/burst', from: '2026-05-17T10:00:00Z' },
      { client: '203.0.113.2', requests: 2, refused: 1, rule: 'contact/burst' },
    ])
  })

  it('counts an IPv6 /64 as one client, in whatever spelling', () => {
    const sent = ['2001:db8::1', '2001:DB8:0:0:ffff::2', '[2001:db8::3]'].map((address, at) => ({ at, address }))
    expect(only(replay(sent, { policies: set([limit(2)]) }).trials).refusedClients).toMatchObject([
      { client: '2001:db8::/64', requests: 3, refused: 1 },
    ])
  })

  it('takes the client from X-Forwarded-For only where a trusted proxy says it', () => {
    const sent = times(4, (at) => ({ at, address: at < 2 ? '10.0.0.1' : '192.0.2.7', forwarded: `203.0.113.${at}` }))
    const options = { policies: set([limit(1)]), trustedProxies: ['10.0.0.0/8'] }
    const { clients, trials } = replay(sent, options)
    expect(clients.count).toBe(3)
    expect(only(trials).refusedClients).toMatchObject([{ client: '192.0.2.7', requests: 2, refused: 1 }])
  })

  it('decides lines out of order by their times', () => {
    const sent = [0, 61, 1, 62].map((at) => ({ at }))
    expect(only(replay(sent, { policies: set([limit(2)]) }).trials).refused).toBe(0)
    expect(only(replay(sent, { policies: set([limit(1)]) }).trials).refused).toBe(2)
    const late = replay(sent, { policies: set([limit(2)]), reorderSeconds: 10 })
    expect([late.log.late, only(late.trials).refused]).toEqual([1, 1])
  })

  it('names no client by its address unless it may', () => {
    const sent = ['203.0.113.9', '2001:db8:1:2::3'].flatMap((address) => times(3, (at) => ({ at, address })))
    const hidden = replay(sent, { policies: set([limit(1)]), showsAddresses: false })
    const names = only(hidden.trials).refusedClients.map(({ client }) => client)
    expect(names).toEqual([
      expect.stringMatching(/^203\.0\.113\.\* #[0-9a-f]{6}$/),
      expect.stringMatching(/^2001:db8:1:\* #[0-9a-f]{6}$/),
    ])
    expect(JSON.stringify(hidden)).not.toContain('203.0.113.9')
  })

  it('counts bad lines, masks the first ones, and goes on', () => {
    const bad = [
      'not a line of any log',
      line({ at: 1 }).replace('203.0.113.9', 'localhost').trim(),
      line({ at: 1 }).replace('May', 'Foo').trim(),
      `203.0.113.77 jane@example.org [x] "GET /?token=secret HTTP/1.1" 200 5`,
      'x'.repeat(70_000),
    ]
    const text = `${line({ at: 0 })}${bad.join('\n')}\n\n${line({ at: 2 })}203.0.113.9 - - [17/May/2026:10:00:03 +0000] "-" 408 0 "-" "-"\n`
    const { log } = replay(text, { policies: set([limit(5)]) })
    expect(log).toMatchObject({ requests: 2, withoutRequest: 1, lines: 9 })
    expect(log.bad).toMatchObject({ count: 5, byReason: { address: 1, time: 3, 'too-long': 1 } })
    expect(log.bad.examples.map(({ line: number, reason }) => [number, reason])).toEqual([
      [2, 'time'],
      [3, 'address'],
      [4, 'time'],
      [5, 'time'],
      [6, 'too-long'],
    ])
    const shapes = JSON.stringify(log.bad.examples)
    for (const secret of ['203.0.113', 'jane', 'example.org', 'secret']) expect(shapes).not.toContain(secret)
  })

  it('of an empty log, or one of no format, is empty', () => {
    expect(replay('', { policies: set([limit(5)]) })).toMatchObject({
      log: { requests: 0, from: null },
      clients: { count: 0 },
    })
    const strange = replay('one\ntwo\n', { policies: set([limit(5)]) })
    expect(strange.log).toMatchObject({ sources: [{ format: null, bad: 2 }], bad: { count: 2 } })
  })

  it('judges by the User-Agent where a rule does', () => {
    const policy: PolicyInput = {
      id: 'general',
      rules: [
        { id: 'machines', kind: 'signal', sources: ['userAgent', 'reputation'], deny: 60 },
        { id: 'print', kind: 'rate-limit', by: 'fingerprint', limit: 1, window: '60s' },
        { id: 'header', kind: 'rate-limit', by: 'header:user-agent', limit: 2, window: '60s' },
      ],
    }
    const agents = [
      'curl/8.1',
      'Mozilla/5.0 (X11) Firefox/150.0',
      'Mozilla/5.0 (X11) Firefox/150.1',
      'Mozilla/5.0 (Mac) Safari/18',
    ]
    const sent = agents.map((agent, at) => ({ at, agent }))
    const trial = only(replay(sent, { policies: set([policy]) }).trials)
    expect(trial.rules.map(({ ruleId, refused, isPartly }) => [ruleId, refused, isPartly]).toSorted()).toEqual([
      ['header', 0, false],
      ['machines', 1, true],
      ['print', 1, false],
    ])
  })

  it('leaves out what a log does not tell, and says so', () => {
    const policy: PolicyInput = {
      id: 'general',
      rules: [
        { id: 'mine', kind: 'rate-limit', by: ['account', 'ip'], limit: 1, window: '60s' },
        { id: 'slots', kind: 'concurrency', by: 'ip', slots: 1, lease: '10s' },
        { id: 'trap', kind: 'signal', sources: ['honeypot'], deny: 50 },
        { id: 'lands', kind: 'access-list', by: 'country', deny: ['*'] },
        { id: 'key', kind: 'rate-limit', by: 'header:x-key', limit: 1, window: '60s' },
      ],
    }
    const trial = only(
      replay(
        times(5, (at) => ({ at })),
        { policies: set([policy]) },
      ).trials,
    )
    expect(trial.refused).toBe(0)
    expect(trial.unjudged.map(({ ruleId, reason }) => [ruleId, reason])).toEqual([
      ['mine', 'account'],
      ['slots', 'concurrency'],
      ['trap', 'body'],
      ['lands', 'country'],
      ['key', 'header'],
    ])
  })
})

describe('two policies', () => {
  it('tell whom one refuses and the other does not', () => {
    const sent = [
      ...times(3, (at) => ({ at, address: '203.0.113.1' })),
      ...times(5, (at) => ({ at, address: '203.0.113.2' })),
      ...times(2, (at) => ({ at, address: '203.0.113.3', path: '/a' })),
    ]
    const other: PolicyInput = { ...limit(4), id: 'other' }
    const { trials, comparison } = replay(sent, {
      policies: set([limit(2)]),
      compareWith: set([other, { ...limit(1), id: 'a' }], { '/a': ['a'] }),
    })
    expect(trials.map(({ refused }) => refused)).toEqual([4, 2])
    expect(comparison).toMatchObject({
      requests: { both: 1, onlyFirst: 3, onlySecond: 1 },
      clients: { both: 1, onlyFirst: 1, onlySecond: 1 },
      onlyFirst: [{ client: '203.0.113.1', refused: 1, rule: 'general/burst' }],
      onlySecond: [{ client: '203.0.113.3', refused: 1, rule: 'a/burst' }],
    })
  })
})

describe('a limit that is suggested', () => {
  /** Clients refused by a limit, by trying it. */
  const refusedBy = (sent: readonly Request[], most: number): number =>
    only(replay(sent, { policies: set([limit(most)]) }).trials).clients.refused

  const crowds = fc
    .array(fc.array(fc.nat(200), { minLength: 1, maxLength: 60 }), { minLength: 1, maxLength: 8 })
    .map((clients) =>
      clients
        .flatMap((seconds, index) => seconds.map((at) => ({ at, address: `203.0.113.${index}` })))
        .sort((one, other) => one.at - other.at),
    )

  it('refuses no more clients than was asked for, and is the least that does where nobody is refused by the present one', () => {
    fc.assert(
      fc.property(crowds, fc.constantFrom(0, 0.25, 0.5), (sent, suggestShare) => {
        const { trials, clients } = replay(sent, { policies: set([limit(1_000)]), suggestShare })
        const limits = only(only(trials).rules).limits
        const suggested = limits?.suggestion?.limit ?? 0
        // Above 32 a window is counted in cells, up to a thirty-first longer: the measure is on the safe side of an exact log.
        const allowed = Math.floor(suggestShare * clients.count)
        expect(refusedBy(sent, suggested)).toBeLessThanOrEqual(allowed)
        if (suggested > 33) expect(refusedBy(sent, suggested - 1)).toBeGreaterThan(allowed)
        expect(limits?.precision).toBe('exact')
      }),
      { numRuns: 60 },
    )
  })

  it('holds where the present limit refuses many', () => {
    fc.assert(
      fc.property(crowds, fc.integer({ min: 1, max: 20 }), (sent, present) => {
        const { trials, clients } = replay(sent, { policies: set([limit(present)]), suggestShare: 0.3 })
        const suggestion = only(only(trials).rules).limits?.suggestion
        const allowed = Math.floor(0.3 * clients.count)
        expect(suggestion?.clients).toBeLessThanOrEqual(allowed)
        expect(refusedBy(sent, suggestion?.limit ?? 0)).toBeLessThanOrEqual(allowed)
      }),
      { numRuns: 60 },
    )
  })

  it('names those who came near the limit', () => {
    const sent = [4, 8, 9, 10, 11].flatMap((count) => times(count, (at) => ({ at, address: `203.0.113.${count}` })))
    const { nearMisses } = only(replay(sent, { policies: set([limit(10)]) }).trials)
    expect(nearMisses.map(({ client, used, limit: most }) => [client, used, most])).toEqual([
      ['203.0.113.10', 10, 10],
      ['203.0.113.9', 9, 10],
      ['203.0.113.8', 8, 10],
    ])
  })
})

describe('many clients', () => {
  it('are counted beyond the table, and the refused stay in it', () => {
    const flood = times(20_000, (index) => ({
      at: Math.floor(index / 20),
      address: `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`,
    }))
    const culprit = times(50, (index) => ({ at: Math.floor(index / 5), address: '203.0.113.9' }))
    const sent = [...culprit, ...flood].sort((one, other) => one.at - other.at)
    const { clients, trials } = replay(sent, {
      policies: set([limit(10)]),
      maxClients: 500,
      reorderSeconds: 5,
      suggestShare: 0.01,
    })
    const trial = only(trials)
    expect(clients.isExact).toBe(false)
    expect(clients.forgotten).toBeGreaterThan(19_000)
    expect(Math.abs(clients.count - 20_001) / 20_001).toBeLessThan(0.04)
    expect(trial.refusedClients).toMatchObject([{ client: '203.0.113.9', requests: 50, refused: 40 }])
    expect(only(trial.rules)).toMatchObject({
      clientsTouched: 20_001,
      limits: { precision: 'upper-bound', suggestion: { limit: 1 } },
    })
  })

  it('all at once make it decide early rather than mistake one for another', () => {
    const flood = times(5_000, (index) => ({ at: 0, address: `10.0.${index >> 8}.${index & 255}` }))
    const sent = [...flood, ...flood]
    const trial = only(replay(sent, { policies: set([limit(1)]), maxClients: 64, storeBytes: 16_777_216 }).trials)
    expect([trial.requests, trial.refused]).toEqual([10_000, 5_000])
  })
})

describe('logs side by side', () => {
  it('are read together, none further than the others have come', () => {
    const run = createReplay({ policies: set([limit(2)]), reorderSeconds: 0 })
    const logs = [times(4, (at) => ({ at: at * 100 })), times(4, (at) => ({ at: at * 100 + 1 }))].map((requests) => ({
      source: run.open('log'),
      chunk: Buffer.from(requests.map(line).join('')),
      at: 0,
    }))
    for (;;) {
      const open = logs.filter(({ chunk, at }) => at < chunk.length)
      const [next, other] = open.toSorted((one, two) => one.source.second() - two.source.second())
      if (next === undefined) break
      next.at = next.source.push(next.chunk, next.at, other?.source.second() ?? Infinity)
    }
    for (const { source } of logs) source.end()
    expect(run.finish(false).log).toMatchObject({ requests: 8, late: 0, lines: 8 })
  })
})
