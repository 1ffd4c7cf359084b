import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { noRedis, redisForTests } from '../../../../../tests/support/redis-server.ts'
import { compilePolicy } from '../../plan.ts'
import { definePolicy } from '../../policy.ts'
import type { RuleInput } from '../../rule-kinds.ts'
import { createTake, type Take } from '../../store.ts'
import { createRedisStore, type RedisStore } from '../redis.ts'

const secret = 'a secret of two lanes'
/** Which of a call's settlements a lossy line swallows: the digit behind the operation's cost and units ahead. */
const settlements = { confirm: '\u0002', cancel: '\u0003' }

describe('a request whose counters lie in two lanes', () => {
  const redis = redisForTests()
  let client: Redis
  let policyId = ''
  const stores: RedisStore[] = []
  beforeAll(() => redis.start())
  afterAll(() => redis.stop())
  beforeEach((test) => {
    test.skip(!redis.isThere, noRedis)
    client = new Redis(redis.url())
    policyId = randomUUID()
  })
  afterEach(() => {
    for (const store of stores.splice(0)) store.close()
    client?.disconnect()
  })

  /** A store over lanes, whose line may lose what settles a reservation, or bring it late. */
  const open = (lost?: keyof typeof settlements, delay?: Promise<unknown>): RedisStore => {
    const call = async (command: string, args: string[]): Promise<unknown> => {
      // The row of operations lies behind the function's name, the number of keys and the one key.
      const row = args[3] ?? ''
      if (command === 'FCALL' && lost !== undefined && row.endsWith(settlements[lost])) {
        if (delay === undefined) throw new Error('the line is cut')
        await delay
      }
      return client.call(command, args)
    }
    const store = createRedisStore({ client: { call, nodes: () => [client] }, secret, deadlineMs: 5_000 })
    stores.push(store)
    return store
  }
  const takesOf = (accounts: number, tenants: number, extra: Partial<RuleInput> = {}): Take[] => {
    const rules: RuleInput[] = [
      { id: 'account', kind: 'rate-limit', by: 'account', limit: accounts, window: '1h', ...extra } as RuleInput,
      { id: 'tenant', kind: 'rate-limit', by: 'tenant', limit: tenants, window: '1h' },
    ]
    const { late } = compilePolicy(definePolicy({ id: policyId, rules }))
    return (late?.counts ?? []).map(({ counter }, index) =>
      Object.assign(createTake(counter, true), { active: true, values: [index === 0 ? 'ada' : 'acme'] }),
    )
  }
  const send = async (store: RedisStore, takes: Take[]): Promise<Take[]> => {
    await store.take(takes, takes.length, performance.now())
    return takes
  }
  const usedOf = async (): Promise<number[]> => {
    const probe = takesOf(1_000, 1_000)
    await send(open(), probe)
    return probe.map(({ used }) => used - 1)
  }

  it('charges both or none, one after the other', async () => {
    const store = open()
    const outcomes: boolean[] = []
    for (let sent = 0; sent < 6; sent += 1) {
      const takes = await send(store, takesOf(9, 4))
      outcomes.push(takes.every(({ charged }) => charged))
    }
    expect(outcomes).toEqual([true, true, true, true, false, false])
    expect(await usedOf()).toEqual([4, 4])
  })

  it('is never admitted beyond a limit when many come at once from two processes, and up to it in the end', async () => {
    const processes = [open(), open()]
    const admitted = async (count: number): Promise<number> => {
      const requests = Array.from({ length: count }, () => takesOf(50, 7))
      await Promise.all(requests.map((takes, index) => send(processes[index % 2] ?? open(), takes)))
      return requests.filter((takes) => takes.every(({ fits }) => fits)).length
    }
    let sum = await admitted(60)
    expect(sum).toBeLessThanOrEqual(7)
    for (let sent = 0; sent < 10; sent += 1) sum += await admitted(1)
    expect(sum).toBe(7)
    expect(await usedOf()).toEqual([7, 7])
  })

  it('that is not confirmed counts while it may still be, and then is forgotten', async () => {
    await expect(send(open('confirm'), takesOf(1, 1))).rejects.toThrow('the line is cut')
    const meanwhile = await send(open(), takesOf(1, 1, { cooldown: '1h' }))
    expect(meanwhile[0]).toMatchObject({ fits: false, cooling: false })
    expect(meanwhile[0]?.waitMs).toBeLessThanOrEqual(1_000)
    await sleep((meanwhile[0]?.waitMs ?? 0) + 5)
    expect((await send(open(), takesOf(1, 1))).map(({ charged }) => charged)).toEqual([true, true])
    expect(await usedOf()).toEqual([1, 1])
  })

  it('that is confirmed too late is not admitted on what somebody else has got meanwhile', async () => {
    const other = sleep(1_050).then(() => send(open(), takesOf(1, 5)))
    const late = await send(open('confirm', other), takesOf(1, 5))
    expect((await other).map(({ charged }) => charged)).toEqual([true, true])
    expect(late[0]).toMatchObject({ fits: false, charged: false, used: 1 })
  })

  it('that is refused and cannot be taken back is forgotten all the same', async () => {
    await send(open(), takesOf(5, 1))
    const refused = await send(open('cancel'), takesOf(5, 1))
    expect(refused.map(({ charged }) => charged)).toEqual([false, false])
    await sleep(1_010)
    expect(await usedOf()).toEqual([1, 1])
  })

  it('gives its slot back when another lane refuses', async () => {
    const store = open()
    const [, tenant] = takesOf(1, 1)
    const { late } = compilePolicy(
      definePolicy({
        id: policyId,
        rules: [{ id: 'slot', kind: 'concurrency', by: 'account', slots: 1, lease: '1h' }],
      }),
    )
    const [step] = late?.counts ?? []
    if (step === undefined || tenant === undefined) throw new Error('nothing is counted')
    const slot = (): Take =>
      Object.assign(createTake(step.counter, true), { active: true, values: ['ada'], leaseId: randomUUID() })
    await send(store, [tenant])
    const refused = [slot(), ...takesOf(1, 1).slice(1)]
    await send(store, refused)
    expect(refused.map(({ fits }) => fits)).toEqual([true, false])
    const [next] = await send(store, [slot()])
    expect(next).toMatchObject({ fits: true, used: 1 })
  })

  it('spends an attempt of a lockout also when another lane refuses it', async () => {
    const store = open()
    const rules: RuleInput[] = [
      { id: 'lock', kind: 'lockout', by: 'account', attempts: 3, window: '1h', lock: '1h' },
      { id: 'tenant', kind: 'rate-limit', by: 'tenant', limit: 1, window: '1h' },
    ]
    const { late } = compilePolicy(definePolicy({ id: policyId, rules }))
    const charged: boolean[][] = []
    for (let sent = 0; sent < 4; sent += 1) {
      const takes = (late?.counts ?? []).map(({ counter }, index) =>
        Object.assign(createTake(counter, true), { active: true, values: [index === 0 ? 'ada' : 'acme'] }),
      )
      charged.push((await send(store, takes)).map((take) => take.charged))
    }
    expect(charged).toEqual([
      [true, true],
      [true, false],
      [true, false],
      [false, false],
    ])
  })
})
