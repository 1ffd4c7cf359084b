import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadConfig } from '../../packages/server/src/config.ts'
import { inTenant } from '../../packages/server/src/database/tenant.ts'
import { createApiKey } from '../../packages/server/src/modules/api-keys/service.ts'
import { createTenant } from '../../packages/server/src/modules/tenants/service.ts'
import type { Answer } from '../support/http-client.ts'
import { until } from '../support/processes.ts'
import { publishForm } from '../support/tenant-with-form.ts'
import { faultsOf } from './configuration.ts'
import { type ImprovedBackend, message, startImprovedBackend } from './improved-backend.ts'
import { createPerson, type Person } from './people.ts'
import { atOnce, codeOf, countOf, times } from './repeat.ts'
import type { PublicCall } from './visitors.ts'

/*
 * S3, the improvements of a back end, §2 "performance" and the measures of success, measure by measure. Where the product's own table settles a measure in
 * another way, the test follows the table and says so.
 */

let backend: ImprovedBackend
beforeAll(async () => {
  backend = await startImprovedBackend()
})
afterAll(() => backend?.close())

/** A tenant that the server has never heard of. */
interface Unheard {
  readonly formId: string
  readonly slug: string
  readonly key: string
  readonly person: Person
  /** Asks as a new visitor of it. */
  readonly ask: (path: string, call?: PublicCall) => Promise<Answer>
}

let unheard = 0
async function unheardOf(): Promise<Unheard> {
  unheard += 1
  const name = `never-heard-of-${unheard}`
  const id = await createTenant(backend.database.worker, { slug: name, name })
  const { id: formId, slug } = await publishForm(backend.database.worker, id, 'ask')
  const person = await createPerson(backend.database.worker, name, { roles: ['viewer'] })
  const { token } = await createApiKey(backend.database.worker, id, { name, scopes: ['leads:read', 'contact:read'] })
  // That a key is used is written down once a minute: here it was, a moment ago.
  await inTenant(backend.database.worker, id, (tx) =>
    tx.updateTable('api_key').set({ last_used_at: new Date() }).execute(),
  )
  const ask: Unheard['ask'] = (path, call = {}) => {
    const isOfKey = call.headers?.['authorization'] !== undefined
    return backend.visitors.next()(
      path,
      isOfKey ? call : { ...call, headers: { 'x-tenant-id': name, ...call.headers } },
    )
  }
  return { formId, slug, key: token, person, ask }
}

describe('2.1 cache', () => {
  it('saves 30 % of the statements and more: what the first request of a form takes, the next hundred take less of', async () => {
    // The server has never heard of the tenant.
    const id = await createTenant(backend.database.worker, { slug: 'unheard-of', name: 'Unheard of' })
    const { slug } = await publishForm(backend.database.worker, id, 'cached')
    const show = () => backend.visitors.next()(`/api/v1/forms/public/${slug}`, { headers: { 'x-tenant-id': id } })
    const first = await backend.statementsOf(show)
    expect(first).toBeGreaterThan(0)
    const answers: Answer[] = []
    const following = await backend.statementsOf(async () => answers.push(...(await times(100, show))))
    expect(countOf(answers, 200)).toBe(100)
    expect(following).toBeLessThanOrEqual(0.7 * 100 * first)
  })

  it('saves 30 % of the statements of a mix of requests, sign-in and authenticated calls among them', async () => {
    const mix: readonly (readonly [times: number, (tenant: Unheard) => Promise<Answer>])[] = [
      [8, ({ ask, slug }) => ask(`/api/v1/forms/public/${slug}`)],
      [2, ({ ask, slug }) => ask(`/api/v1/forms/public/${slug}/evaluate`, { json: { data: { who: 'Ada' } } })],
      [
        2,
        ({ ask, formId }) =>
          ask(`/api/v1/leads/forms/${formId}/submit`, { json: { email: message.email, data: { who: 'Ada' } } }),
      ],
      [1, ({ ask }) => ask('/api/v1/contact', { json: message })],
      [4, ({ ask }) => ask('/api/v1/resources')],
      [1, ({ ask, person: { email, password } }) => ask('/api/v1/auth/login', { json: { email, password } })],
      [2, ({ ask, key }) => ask('/api/v1/leads', { headers: { authorization: `Bearer ${key}` } })],
      [2, ({ ask, key }) => ask('/api/v1/contact/messages', { headers: { authorization: `Bearer ${key}` } })],
    ]
    let without = 0
    let taken = 0
    for (const [count, request] of mix) {
      const tenants = await times(3, unheardOf)
      const cost = async (of: Unheard) =>
        backend.statementsOf(async () => expect([200, 201]).toContain((await request(of)).status))
      // What else the server does meanwhile is not in all of three.
      without += count * Math.min(...(await times(3, (index) => cost(tenants[index] as Unheard))))
      taken += count * Math.min(...(await times(3, () => cost(tenants[0] as Unheard))))
    }
    expect(taken).toBeLessThanOrEqual(0.7 * without)
  })

  it('shows no former state: a form that is changed is shown changed at once', async () => {
    const definition = (title: string) => ({
      title: { en: title },
      fields: [{ type: 'text', name: 'who', label: { en: 'Name' }, required: true }],
    })
    const call = (path: string, json: object, method = 'POST') => backend.owner.call(path, { json, method })
    const made = await call('/api/v1/forms', { slug: 'changing', name: 'Changing', definition: definition('Before') })
    const id = String(made.json()['id'])
    expect((await call(`/api/v1/forms/${id}/publish`, {})).status).toBe(200)
    const title = async () => (await backend.visitors.next()('/api/v1/forms/public/changing')).json()['title']
    expect(await title()).toBe('Before')
    expect((await call(`/api/v1/forms/${id}/versions`, { definition: definition('After') })).status).toBe(201)
    expect((await call(`/api/v1/forms/${id}/publish`, {})).status).toBe(200)
    expect(await title()).toBe('After')
  })
})

describe('2.2 pagination', () => {
  it('is one shape for every list: items, total, page, pageSize, totalPages', async () => {
    await times(3, (index) => backend.addResource(`page ${index}`))
    const lists = ['resources', 'contact/messages', 'leads', 'forms', 'users', 'audit', 'api-keys', 'roles', 'sessions']
    for (const list of lists) {
      const answer = await backend.owner.call(`/api/v1/${list}?page=1&pageSize=2`)
      expect([list, answer.status]).toEqual([list, 200])
      const { items, total, page, pageSize, totalPages } = answer.json() as Record<string, number> & {
        readonly items: readonly unknown[]
      }
      expect([list, page, pageSize]).toEqual([list, 1, 2])
      expect(items.length).toBeLessThanOrEqual(2)
      expect(totalPages).toBe(Math.ceil(Number(total) / 2))
    }
  })

  it('walks through everything once, 20 at a time unless asked otherwise', async () => {
    await atOnce(25, (index) => backend.addResource(`walked ${index}`))
    const ids: string[] = []
    const first = (await backend.staff('/api/v1/resources')).json()
    expect([first['page'], first['pageSize']]).toEqual([1, 20])
    for (let page = 1; page <= Number(first['totalPages']); page += 1) {
      const { items } = (await backend.staff(`/api/v1/resources?page=${page}`)).json()
      ids.push(...(items as readonly { readonly id: string }[]).map(({ id }) => id))
    }
    expect(ids).toHaveLength(Number(first['total']))
    expect(new Set(ids).size).toBe(ids.length)
  })

  it.each(['page=0', 'page=-1', 'page=x', 'pageSize=0', 'pageSize=101', 'page=1.5'])('%s is refused', async (query) => {
    expect(codeOf(await backend.staff(`/api/v1/resources?${query}`))).toEqual([422, 'invalid-content'])
  })
})

describe('2.3 queries', () => {
  it('a list of a hundred takes as many statements as a list of two', async () => {
    await atOnce(40, (index) => backend.addResource(`many ${index}`))
    await atOnce(20, () => backend.contact())
    await times(10, () => createPerson(backend.database.worker, 'acme', { password: 'x', roles: ['viewer'] }))
    for (const list of ['resources', 'contact/messages', 'users', 'audit', 'roles']) {
      const take = (pageSize: number) =>
        backend.leastStatementsOf(async () => {
          const answer = await backend.owner.call(`/api/v1/${list}?pageSize=${pageSize}`)
          expect([list, answer.status]).toEqual([list, 200])
        })
      const [few, many] = [await take(2), await take(100)]
      expect([list, many]).toEqual([list, few])
    }
  })
})

describe('2.4 connections', () => {
  const connections = async (): Promise<readonly number[]> => {
    const { rows } = await backend.keeper.query<{ pid: number }>(
      "select pid from pg_stat_activity where usename = 'rempart_app' and application_name = 'rempart'",
    )
    return rows.map(({ pid }) => pid)
  }

  it('their number is a setting, and many requests at once do not exceed it', async () => {
    const [answers, most] = await Promise.all([
      atOnce(200, () => backend.visitors.next()('/api/v1/resources')),
      times(5, connections),
    ])
    expect(countOf(answers, 200)).toBe(200)
    expect(Math.max(...most.map(({ length }) => length))).toBeLessThanOrEqual(4)
    expect((await connections()).length).toBeGreaterThan(0)
  })

  it('ones that the database has ended are replaced by themselves', async () => {
    const former = await connections()
    expect(former.length).toBeGreaterThan(0)
    await backend.database.app.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'rempart'",
    )
    await until(async () => (await backend.visitors.next()('/api/v1/resources')).status === 200)
    expect(countOf(await atOnce(40, () => backend.visitors.next()('/api/v1/resources')), 200)).toBe(40)
    expect((await connections()).filter((pid) => former.includes(pid))).toEqual([])
  })

  it('size, life and waiting times are bounded', () => {
    const { databasePoolSize, databaseMaxLifetimeMs, databaseConnectTimeoutMs } = loadConfig({})
    expect([databasePoolSize, databaseMaxLifetimeMs, databaseConnectTimeoutMs]).toEqual([10, 1_800_000, 5_000])
    const wrong = { REMPART_DATABASE_POOL_SIZE: '0', REMPART_DATABASE_MAX_LIFETIME: 'soon' }
    expect(faultsOf(wrong)).toHaveLength(2)
  })
})

describe('measures of success', () => {
  it('95 of 100 answers come within 200 ms', async () => {
    const { slug } = await publishForm(backend.database.worker, backend.tenantId, 'timed')
    const calls = [
      () => backend.visitors.next()(`/api/v1/forms/public/${slug}`),
      () => backend.visitors.next()('/api/v1/resources'),
      () => backend.contact(),
      () => backend.owner.call('/api/v1/auth/me'),
      () => backend.owner.call('/api/v1/users?pageSize=20'),
    ]
    const tookMs: number[] = []
    await times(300, async (index) => {
      const startedMs = performance.now()
      const answer = await calls[index % calls.length]?.()
      expect([200, 201]).toContain(answer?.status)
      tookMs.push(performance.now() - startedMs)
    })
    expect(tookMs.sort((a, b) => a - b)[284]).toBeLessThan(200)
  })
})
