import { afterEach, describe, expect, it } from 'vitest'
import { createTake, type Take } from '../../store.ts'
import { latePlan } from '../../testing/arrivals.ts'
import { createPostgresStore, type PostgresStore } from '../postgres.ts'

const secret = 'sixteen bytes are enough'

let store: PostgresStore | undefined
afterEach(() => store?.close())

/** A store over a database of which the test says how it answers. `asked` counts the calls for counters. */
function storeOver(answer: (takes: number) => Promise<unknown>) {
  const asked: number[] = []
  store = createPostgresStore(
    {
      query: async ({ name, values }) => {
        if (!name.endsWith('take')) return { rows: [] }
        const takes = (values[0] as readonly number[]).length
        asked.push(takes)
        return { rows: [{ answer: await answer(takes) }] }
      },
    },
    { secret },
  )
  return { store, asked }
}

function takeOf(account: string): Take {
  const plan = latePlan([{ id: 'burst', kind: 'rate-limit', by: 'account', limit: 3, window: '1m' }])
  const counter = plan.counts[0]?.counter
  if (counter === undefined) throw new Error('the plan counts nothing')
  return Object.assign(createTake(counter, true), { active: true, values: [account] })
}

const gone = () => Promise.reject(new Error('gone'))
/** What the database answers of a take that fits: fits, charged, used, frees, waits, cools. */
const fitting = async (takes: number) => Array.from({ length: takes }, () => [1, 1, 1, 1_500, -1, 0]).flat()

async function messageOf(promise: Promise<void> | undefined): Promise<string> {
  try {
    await promise
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  return 'was answered'
}

describe('a PostgreSQL store whose database fails', () => {
  it('tells every request of a call that failed, and none of them fits', async () => {
    const { store, asked } = storeOver(gone)
    const takes = [takeOf('ada'), takeOf('bob')]
    const told = await Promise.all(takes.map((take) => messageOf(store.take([take], 1, 0))))
    expect(told).toEqual(['gone', 'gone'])
    expect(takes.map(({ fits }) => fits)).toEqual([false, false])
    expect(asked).toEqual([2])
  })

  it.each([
    ['nothing', undefined],
    ['too little', [1, 1, 1, 0, 0]],
    ['too much', [1, 1, 1, 0, 0, 0, 1]],
    ['a text', 'ffffff'],
  ])('takes %s for no answer', async (_, answer) => {
    const { store } = storeOver(async () => answer)
    const take = takeOf('ada')
    expect(await messageOf(store.take([take], 1, 0))).toBe('an answer of another shape')
    expect(take.fits).toBe(false)
  })

  it('refuses at once, without asking, after five calls in a row have failed', async () => {
    const { store, asked } = storeOver(gone)
    for (let failed = 0; failed < 5; failed += 1) await messageOf(store.take([takeOf('ada')], 1, 0))
    expect(store.isOpen()).toBe(true)
    expect(await messageOf(store.take([takeOf('ada')], 1, 0))).toBe('PostgreSQL has not answered lately')
    expect(asked).toHaveLength(5)
  })

  it('lets nobody wait for a database that five calls have found gone', async () => {
    const { store } = storeOver(gone)
    for (let failed = 0; failed < 4; failed += 1) await messageOf(store.take([takeOf('ada')], 1, 0))
    const many = Array.from({ length: 1_000 }, (_, index) => messageOf(store.take([takeOf(`x${index}`)], 1, 0)))
    expect(new Set(await Promise.all(many))).toEqual(new Set(['gone']))
  })

  it('answers those who wait behind a call that failed, as long as the database may still be there', async () => {
    let failures = 2
    const { store, asked } = storeOver((takes) => (failures-- > 0 ? gone() : fitting(takes)))
    const many = Array.from({ length: 600 }, (_, index) => messageOf(store.take([takeOf(`x${index}`)], 1, 0)))
    const told = await Promise.all(many)
    expect(told.filter((message) => message === 'gone')).toHaveLength(512)
    expect(told.filter((message) => message === 'was answered')).toHaveLength(88)
    expect(asked).toEqual([256, 256, 88])
  })

  it('lets so many wait and no more: the next is refused at once', async () => {
    const held: (() => void)[] = []
    const { store } = storeOver((takes) => new Promise((resolve) => held.push(() => resolve(fitting(takes)))))
    const told = Array.from({ length: 4_096 }, (_, index) => messageOf(store.take([takeOf(`x${index}`)], 1, 0)))
    expect(await messageOf(store.take([takeOf('late')], 1, 0))).toBe('too many requests wait for PostgreSQL')
    const settled = Promise.all(told)
    const letGo = setInterval(() => {
      for (const act of held.splice(0)) act()
    }, 1)
    expect(new Set(await settled)).toEqual(new Set(['was answered']))
    clearInterval(letGo)
  })

  it('reads an answer as it is meant: microseconds rounded up, and a wait without end as one', async () => {
    const { store } = storeOver(fitting)
    const take = takeOf('ada')
    await store.take([take], 1, 0)
    expect(take).toMatchObject({ fits: true, charged: true, used: 1, freesMs: 2, waitMs: Infinity, cooling: false })
  })

  it('refuses a secret of fewer than 16 bytes, and takes one of 16', () => {
    const client = { query: async () => ({ rows: [] }) }
    expect(() => createPostgresStore(client, { secret: 'x'.repeat(15) })).toThrow('secret: 16 bytes at least')
    store = createPostgresStore(client, { secret: 'x'.repeat(16) })
    expect(store.isOpen()).toBe(false)
  })
})
