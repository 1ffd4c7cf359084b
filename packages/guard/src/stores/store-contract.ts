import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { compilePolicy } from '../plan.ts'
import { definePolicy } from '../policy.ts'
import type { RuleInput } from '../rule-kinds.ts'
import type { HeldLease, RemoteStore, Store, Take } from '../store.ts'
import { createTake } from '../store.ts'

/** A store under test, and the clock it goes by. */
export interface StoreFixture {
  readonly store: Store | RemoteStore
  /** The caller's clock. */
  readonly nowMs: () => number
  /** Lets at least this long pass on the store's clock: a virtual clock is set, a real one is waited for. */
  readonly elapse: (ms: number) => Promise<void>
  readonly close: () => Promise<void>
}

type Counted<Input> = Input extends { by: unknown } ? Omit<Input, 'id' | 'by'> & { id?: string } : never
/** A rule of the late plan, by account. */
type CountedRule = Exclude<Counted<RuleInput>, { kind: 'access-list' | 'quota' }>

/** What waiting must be short enough for a real clock, and long enough for a slow machine to be refused within. */
const SHORT_MS = 1_500

/**
 * The sentences that every store keeps. Time that must pass is short, and time that must not pass is
 * long, so that they hold under a real clock too.
 */
export function describeStore(name: string, createFixture: () => Promise<StoreFixture>): void {
  describe(`${name}, as a store`, () => {
    let fixture: StoreFixture
    let policyId = ''

    beforeEach(async () => {
      fixture = await createFixture()
      policyId = `contract-${randomUUID()}`
    })
    afterEach(async () => {
      await fixture.close()
    })

    const takesOf = (rules: readonly CountedRule[], account = 'ada'): Take[] => {
      const named = rules.map((rule, index) => ({ id: `rule-${index}`, ...rule, by: 'account' }) as RuleInput)
      const { late } = compilePolicy(definePolicy({ id: policyId, rules: named }))
      if (late === undefined) throw new Error('nothing is counted')
      return late.counts.map(({ rule, counter }) => {
        const take = createTake(counter, rule.mode === 'live')
        take.active = true
        take.values[0] = account
        take.leaseId = randomUUID()
        return take
      })
    }
    const send = async (takes: readonly Take[]): Promise<void> => {
      await fixture.store.take(takes, takes.length, fixture.nowMs())
    }
    /** One request under one rule, and where its counter stands. */
    const ask = async (rule: CountedRule, fields: Partial<Pick<Take, 'cost' | 'solved'>> = {}, account?: string) => {
      const [take] = takesOf([rule], account)
      if (take === undefined) throw new Error('nothing is counted')
      Object.assign(take, fields)
      await send([take])
      return take
    }
    const askOften = async (rule: CountedRule, times: number): Promise<Take[]> => {
      const takes: Take[] = []
      for (let index = 0; index < times; index += 1) takes.push(await ask(rule))
      return takes
    }
    const askAtOnce = (rule: CountedRule, times: number): Promise<Take[]> =>
      Promise.all(Array.from({ length: times }, () => ask(rule)))
    const fitting = (takes: readonly Take[]): number => takes.filter(({ fits }) => fits).length

    const limit = (units: number, window: string | number = '1h'): CountedRule => ({
      kind: 'rate-limit',
      limit: units,
      window,
    })

    describe.each([
      ['a limit of 3, kept as a log', 3],
      ['a limit of 40, kept in cells', 40],
    ])('%s', (_, units) => {
      it('admits that many and refuses the next, with figures that say so', async () => {
        const takes = await askOften(limit(units), units + 1)
        expect(takes.map(({ fits }) => fits)).toEqual([...Array.from({ length: units }, () => true), false])
        expect(takes[0]).toMatchObject({ charged: true, used: 1, waitMs: 0, cooling: false })
        expect(takes[0]?.freesMs).toBeGreaterThan(3_500_000)
        expect(takes.at(-1)).toMatchObject({ charged: false, used: units, cooling: false })
        expect(takes.at(-1)?.waitMs).toBeGreaterThan(3_500_000)
        expect(takes.at(-1)?.waitMs).toBeLessThanOrEqual(3_600_000 * (32 / 31) + 64)
      })

      it('admits again whoever waits as told', async () => {
        await ask(limit(units, SHORT_MS), { cost: units })
        const refused = await ask(limit(units, SHORT_MS))
        expect(refused.fits).toBe(false)
        await fixture.elapse(refused.waitMs)
        expect(await ask(limit(units, SHORT_MS))).toMatchObject({ fits: true, used: 1 })
      })

      it('admits exactly that many of many that come at once', async () => {
        expect(fitting(await askAtOnce(limit(units), units * 2 + 30))).toBe(units)
      })

      it('charges what a request costs, and never fits one that costs more than there is', async () => {
        expect(await ask(limit(units), { cost: units - 1 })).toMatchObject({ fits: true, used: units - 1 })
        expect(await ask(limit(units), { cost: 2 })).toMatchObject({ fits: false, used: units - 1 })
        expect(await ask(limit(units), { cost: units + 1 })).toMatchObject({ fits: false, waitMs: Infinity })
        expect(await ask(limit(units), { cost: 1 })).toMatchObject({ fits: true, used: units })
      })
    })

    describe('a counter', () => {
      it('counts each of its keys alone', async () => {
        await ask(limit(1), {}, 'ada')
        expect((await ask(limit(1), {}, 'ada')).fits).toBe(false)
        expect((await ask(limit(1), {}, 'bob')).fits).toBe(true)
      })

      it('does not take "a" with "bc" for "ab" with "c"', async () => {
        const pair = (account: string, tenant: string): Take[] => {
          const rules: RuleInput[] = [
            { id: 'pair', kind: 'rate-limit', by: ['account', 'tenant'], limit: 1, window: '1h' },
          ]
          const { late } = compilePolicy(definePolicy({ id: policyId, rules }))
          return (late?.counts ?? []).map(({ counter }) =>
            Object.assign(createTake(counter, true), { active: true, values: [account, tenant] }),
          )
        }
        await send(pair('a', 'bc'))
        for (const other of [pair('ab', 'c'), pair('', 'abc'), pair('abc', ''), pair('a', 'b:c')]) {
          await send(other)
          expect(other[0]?.fits).toBe(true)
        }
      })

      it('keeps what was spent when its limit changes, also from a log to cells and back', async () => {
        await askOften(limit(10), 10)
        expect((await ask(limit(10))).fits).toBe(false)
        expect(await ask(limit(100))).toMatchObject({ fits: true, used: 11 })
        expect((await ask(limit(5))).fits).toBe(false)
        expect(await ask(limit(12))).toMatchObject({ fits: true, used: 12 })
      })

      it('of a request that lacks its subject is left alone', async () => {
        const [first, second] = takesOf([limit(1), limit(5)])
        if (first === undefined || second === undefined) throw new Error('two are counted')
        first.active = false
        await send([first, second])
        expect(second).toMatchObject({ charged: true, used: 1 })
        expect(await ask(limit(1))).toMatchObject({ fits: true, used: 1 })
      })
    })

    describe('a request', () => {
      it('is decided by the takes that it counts and that are active, though others are spent', async () => {
        await ask(limit(1))
        for (const [others, count] of [
          [{ active: false }, 2],
          [{ active: true }, 1],
        ] as const) {
          const [taken, spent] = [takesOf([limit(9)], 'bob'), takesOf([limit(1)])].map(([take]) => take)
          if (taken === undefined || spent === undefined) throw new Error('one is counted')
          const { fits, charged, used } = Object.assign(spent, others)
          await fixture.store.take([taken, spent], count, fixture.nowMs())
          expect(taken).toMatchObject({ fits: true, charged: true })
          expect(spent).toMatchObject({ fits, charged, used })
        }
      })

      it('clears the counters of the takes that it counts and that are active, and no others', async () => {
        for (const account of ['ada', 'bob', 'eve']) await ask(limit(9), {}, account)
        const takes = ['ada', 'bob', 'eve'].flatMap((account) => takesOf([limit(9)], account))
        const [ada] = takes
        if (ada !== undefined) ada.active = false
        await fixture.store.clear(takes, 2, fixture.nowMs())
        const used = []
        for (const account of ['ada', 'bob', 'eve']) used.push((await ask(limit(9), {}, account)).used)
        expect(used).toEqual([2, 1, 2])
      })
    })

    describe('several counters', () => {
      it('are charged all or none', async () => {
        const rules = [limit(9), limit(2), limit(50)]
        for (let sent = 0; sent < 6; sent += 1) await send(takesOf(rules))
        const probe = takesOf([limit(9), limit(9), limit(50)])
        await send(probe)
        expect(probe.map(({ used }) => used)).toEqual([3, 3, 3])
      })

      it('are charged all or none when requests come at once', async () => {
        const requests = Array.from({ length: 60 }, () => takesOf([limit(9), limit(7), limit(50)]))
        await Promise.all(requests.map(send))
        expect(requests.filter((takes) => takes.every(({ charged }) => charged))).toHaveLength(7)
        expect(requests.filter((takes) => takes.some(({ charged }) => charged))).toHaveLength(7)
        const probe = takesOf([limit(9), limit(9), limit(50)])
        await send(probe)
        expect(probe.map(({ used }) => used)).toEqual([8, 8, 8])
      })

      it('are not held up by one in shadow, which is charged with them and not without them', async () => {
        const shadow: CountedRule = { kind: 'rate-limit', limit: 1, window: '1h', mode: 'shadow' }
        const rules = [shadow, limit(3)]
        const requests = Array.from({ length: 5 }, () => takesOf(rules))
        for (const takes of requests) await send(takes)
        expect(requests.map(([first, second]) => [first?.charged, second?.charged])).toEqual([
          [true, true],
          [false, true],
          [false, true],
          [false, false],
          [false, false],
        ])
      })
    })

    describe('a cooldown', () => {
      const cooling = (cooldown: string | number): CountedRule => ({ ...limit(2, 50), cooldown }) as CountedRule

      it('starts with the first request that does not fit, and those behind it neither extend nor charge', async () => {
        await ask(cooling('1h'), { cost: 2 })
        const first = await ask(cooling('1h'))
        expect(first).toMatchObject({ fits: false, cooling: true })
        expect(first.waitMs).toBeGreaterThan(3_590_000)
        await fixture.elapse(60)
        const second = await ask(cooling('1h'))
        expect(second).toMatchObject({ fits: false, cooling: true })
        expect(second.waitMs).toBeLessThanOrEqual(first.waitMs - 50)
      })

      it('ends when it was told to', async () => {
        await ask(cooling(SHORT_MS), { cost: 2 })
        const refused = await ask(cooling(SHORT_MS))
        await fixture.elapse(refused.waitMs)
        expect((await ask(cooling(SHORT_MS))).fits).toBe(true)
      })

      it('ends at once when the policy takes it away', async () => {
        await ask(cooling('1h'), { cost: 2 })
        await ask(cooling('1h'))
        await fixture.elapse(60)
        expect((await ask(cooling(0))).fits).toBe(true)
      })
    })

    describe('a rate with a burst', () => {
      const burst: CountedRule = { kind: 'rate-limit', rate: 65, burst: 5, window: '1h' }
      const quick: CountedRule = { kind: 'rate-limit', rate: 3, burst: 2, window: SHORT_MS }

      it('admits the burst at once and no more', async () => {
        const takes = await askOften(burst, 6)
        expect(takes.map(({ fits }) => fits)).toEqual([true, true, true, true, true, false])
        expect(takes.map(({ used }) => used)).toEqual([1, 2, 3, 4, 5, 5])
        // A unit is earned back in a minute.
        expect(takes.at(-1)?.waitMs).toBeGreaterThan(50_000)
        expect(takes.at(-1)?.waitMs).toBeLessThanOrEqual(60_000)
      })

      it('admits exactly the burst of many that come at once', async () => {
        expect(fitting(await askAtOnce(burst, 50))).toBe(5)
      })

      it('admits again whoever waits as told, and no one else', async () => {
        await askOften(quick, 2)
        const refused = await ask(quick)
        await fixture.elapse(refused.waitMs)
        expect((await ask(quick)).fits).toBe(true)
        expect((await ask(quick)).fits).toBe(false)
      })

      it('charges what a request costs, and never fits one above the burst', async () => {
        expect(await ask(burst, { cost: 4 })).toMatchObject({ fits: true, used: 4 })
        expect(await ask(burst, { cost: 2 })).toMatchObject({ fits: false, used: 4 })
        expect(await ask(burst, { cost: 6 })).toMatchObject({ fits: false, waitMs: Infinity })
        expect(await ask(burst, { cost: 2 ** 31 + 1 })).toMatchObject({ fits: false, waitMs: Infinity })
      })
    })

    describe('a lockout', () => {
      const lockout: CountedRule = { kind: 'lockout', attempts: 3, window: '1h', lock: '1h' }

      it('counts attempts that another rule refuses, and locks', async () => {
        const spent = limit(1)
        const requests = Array.from({ length: 4 }, () => takesOf([lockout, spent]))
        for (const takes of requests) await send(takes)
        expect(requests.map(([first]) => first?.charged)).toEqual([true, true, true, false])
        expect(requests.map(([, second]) => second?.charged)).toEqual([true, false, false, false])
        expect(requests[3]?.[0]).toMatchObject({ fits: false, cooling: true })
        // Of what an attempt has set going while another rule refused it, the wait that is told has to know.
        expect(requests[2]?.[0]?.freesMs).toBeGreaterThan(3_500_000)
      })

      it('is forgotten, lock and attempts, when it is cleared', async () => {
        await askOften(lockout, 4)
        const takes = takesOf([lockout])
        await fixture.store.clear(takes, takes.length, fixture.nowMs())
        expect(fitting(await askOften(lockout, 4))).toBe(3)
      })

      it('of others is not forgotten with it', async () => {
        await askOften(lockout, 4)
        const takes = takesOf([lockout], 'bob')
        await fixture.store.clear(takes, takes.length, fixture.nowMs())
        expect((await ask(lockout)).fits).toBe(false)
      })
    })

    describe('a ladder', () => {
      const ladder: CountedRule = {
        kind: 'escalation',
        window: '1h',
        steps: [
          { after: 2, do: 'challenge' },
          { after: 4, do: 'lock', for: '1h' },
        ],
      }
      const quick: CountedRule = {
        kind: 'escalation',
        window: '1h',
        steps: [{ after: 1, do: 'delay', for: SHORT_MS, growth: 2 }],
      }

      it('asks for a challenge, counts only what is let through, and then locks', async () => {
        const readings: [boolean, number, boolean][] = []
        for (const solved of [false, false, false, false, true, true, true, true]) {
          const { fits, used, waitMs } = await ask(ladder, { solved })
          readings.push([fits, used, waitMs > 0])
        }
        expect(readings).toEqual([
          [true, 1, false],
          [true, 2, false],
          [false, 2, false],
          [false, 2, false],
          [true, 3, false],
          [true, 4, false],
          [false, 4, true],
          [false, 4, true],
        ])
      })

      it('lets exactly the attempts below its challenge through of 200 that come at once', async () => {
        expect(fitting(await askAtOnce(ladder, 200))).toBe(2)
      })

      it('lets one through whoever waits as told, and makes the next wait longer', async () => {
        expect((await ask(quick)).fits).toBe(true)
        const refused = await ask(quick)
        expect(refused.waitMs).toBeLessThanOrEqual(SHORT_MS)
        await fixture.elapse(refused.waitMs)
        expect(fitting(await askAtOnce(quick, 20))).toBe(1)
        const next = await ask(quick)
        expect(next.waitMs).toBeGreaterThan(SHORT_MS)
        expect(next.waitMs).toBeLessThanOrEqual(SHORT_MS * 2)
      })

      it('counts attempts that another rule refuses', async () => {
        await send(takesOf([limit(1), ladder]))
        await send(takesOf([limit(1), ladder]))
        expect(await ask({ ...ladder, id: 'rule-1' } as CountedRule)).toMatchObject({ fits: false, used: 2 })
      })

      it('is climbed from the ground again when it is cleared', async () => {
        await askOften(ladder, 3)
        const takes = takesOf([ladder])
        await fixture.store.clear(takes, takes.length, fixture.nowMs())
        expect(await ask(ladder)).toMatchObject({ fits: true, used: 1 })
      })

      it('is forgotten when its window has passed behind its last wait', async () => {
        const brief: CountedRule = {
          kind: 'escalation',
          window: SHORT_MS,
          steps: [{ after: 1, do: 'challenge' }],
        }
        await ask(brief)
        const refused = await ask(brief)
        expect(refused).toMatchObject({ fits: false, used: 1 })
        await fixture.elapse(refused.freesMs)
        expect(await ask(brief)).toMatchObject({ fits: true, used: 1 })
      })
    })

    describe('a counter that is cleared', () => {
      it.each<[string, CountedRule]>([
        ['a log', limit(2)],
        ['cells', limit(40)],
        ['a rate with a burst', { kind: 'rate-limit', rate: 9, burst: 2, window: '1h' }],
      ])('as %s is empty', async (_, rule) => {
        await ask(rule, { cost: 2 })
        const takes = takesOf([rule])
        await fixture.store.clear(takes, takes.length, fixture.nowMs())
        expect(await ask(rule)).toMatchObject({ fits: true, used: 1 })
      })
    })

    describe('slots', () => {
      const slots: CountedRule = { kind: 'concurrency', slots: 2, lease: '1h' }
      const held = (take: Take): HeldLease => ({ counter: take.counter, values: take.values, leaseId: take.leaseId })

      it('are held until they are given back, once', async () => {
        const takes = await askOften(slots, 3)
        expect(takes.map(({ charged }) => charged)).toEqual([true, true, false])
        const [first] = takes
        if (first === undefined) throw new Error('no slot')
        for (let times = 0; times < 3; times += 1) await fixture.store.release([held(first)], fixture.nowMs())
        expect((await askOften(slots, 2)).map(({ charged }) => charged)).toEqual([true, false])
      })

      it('are given to exactly as many as there are of those who come at once', async () => {
        expect(fitting(await askAtOnce(slots, 40))).toBe(2)
      })

      it('are not taken by a request that another rule refuses', async () => {
        await ask(limit(1))
        for (let sent = 0; sent < 3; sent += 1) await send(takesOf([limit(1), slots]))
        expect(await ask({ ...slots, id: 'rule-1' } as CountedRule)).toMatchObject({ fits: true, used: 1 })
      })

      it('come free when the lease of a holder that died has passed', async () => {
        const brief: CountedRule = { kind: 'concurrency', slots: 1, lease: SHORT_MS }
        const dead = await ask(brief)
        const refused = await ask(brief)
        expect(refused.fits).toBe(false)
        await fixture.elapse(refused.waitMs)
        expect((await ask(brief)).fits).toBe(true)
        // The dead holder comes back to life and lets go of what is no longer its.
        await fixture.store.release([held(dead)], fixture.nowMs())
        expect((await ask(brief)).fits).toBe(false)
      })
    })

    describe('a mark', () => {
      it('is set once, also by many at once, and again when it has ended', async () => {
        const key = randomUUID()
        const { store } = fixture
        const mark = async (ttlMs: number) => store.mark(key, ttlMs, fixture.nowMs())
        const answers = await Promise.all(Array.from({ length: 20 }, () => mark(SHORT_MS)))
        expect(answers.filter(Boolean)).toHaveLength(1)
        expect(await store.mark(`${key}x`, SHORT_MS, fixture.nowMs())).toBe(true)
        expect(await mark(SHORT_MS)).toBe(false)
        await fixture.elapse(SHORT_MS)
        expect(await mark(SHORT_MS)).toBe(true)
      })
    })
  })
}
