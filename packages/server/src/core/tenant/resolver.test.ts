import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Pool } from '../../database/connect.ts'
import { inTenant } from '../../database/tenant.ts'
import { changeTenant, createTenant } from '../../modules/tenants/service.ts'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { createTenantResolver, type TenantKey, type TenantResolver } from './resolver.ts'

let database: TestDatabase
let id: string
let slug: string
let domain: string
let asked: unknown[]
let answered: number
let gate: Promise<void>
let tenants: TenantResolver

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())
beforeEach(async () => {
  slug = `t-${randomUUID()}`
  domain = `${slug}.example`
  id = await createTenant(database.worker, {
    slug,
    name: 'Acme',
    locale: 'fr',
    timeZone: 'Europe/Paris',
    domains: [domain],
    allowedOrigins: ['https://acme.example'],
  })
  asked = []
  answered = 0
  gate = Promise.resolve()
  tenants = createTenantResolver(counted(database.app))
})

/** The pool, with a note of each question and a gate before each answer. */
function counted(pool: Pool): Pick<Pool, 'query'> {
  return new Proxy(pool, {
    get(target, name) {
      if (name !== 'query') return Reflect.get(target, name)
      return async (question: { name: string; text: string; values: unknown[] }) => {
        asked.push(question.values)
        const answer = await target.query(question)
        answered += 1
        await gate
        return answer
      }
    },
  })
}

async function newForm(state: { readonly isPublished: boolean; readonly archivedAt?: Date }): Promise<string> {
  const formId = randomUUID()
  await inTenant(database.worker, id, async (tx) => {
    await tx.insertInto('form').values({ tenant_id: id, id: formId, slug: formId, name: 'Form' }).execute()
    await tx
      .insertInto('form_version')
      .values({ tenant_id: id, form_id: formId, version: 1, definition: '{}' })
      .execute()
    await tx
      .updateTable('form')
      .set({ published_version: state.isPublished ? 1 : null, archived_at: state.archivedAt ?? null })
      .where('id', '=', formId)
      .execute()
  })
  return formId
}

describe('the tenant of a key', () => {
  it('is found by slug, id, domain and published form, with all that requests need of it', async () => {
    const form = await newForm({ isPublished: true })
    const keys: TenantKey[] = [
      { kind: 'slug', value: slug },
      { kind: 'id', value: id },
      { kind: 'domain', value: domain },
      { kind: 'form', value: form },
    ]
    for (const key of keys) {
      expect(await tenants.find(key)).toEqual({
        id,
        slug,
        name: 'Acme',
        locale: 'fr',
        timeZone: 'Europe/Paris',
        allowedOrigins: ['https://acme.example'],
      })
    }
  })

  it('is nobody for a form that is a draft or archived, or unknown', async () => {
    const draft = await newForm({ isPublished: false })
    const archived = await newForm({ isPublished: true, archivedAt: new Date() })
    for (const value of [draft, archived, randomUUID()]) expect(await tenants.find({ kind: 'form', value })).toBeNull()
  })

  it('is nobody when the tenant is suspended, by any key', async () => {
    const form = await newForm({ isPublished: true })
    await changeTenant(database.worker, id, { isActive: false })
    expect(await tenants.find({ kind: 'slug', value: slug })).toBeNull()
    expect(await tenants.find({ kind: 'id', value: id })).toBeNull()
    expect(await tenants.find({ kind: 'domain', value: domain })).toBeNull()
    expect(await tenants.find({ kind: 'form', value: form })).toBeNull()
  })

  it('is not confused between kinds: a slug is no id, a domain no slug', async () => {
    expect(await tenants.find({ kind: 'slug', value: id })).toBeNull()
    expect(await tenants.find({ kind: 'domain', value: slug })).toBeNull()
    expect(await tenants.find({ kind: 'slug', value: domain })).toBeNull()
  })

  it('is nobody for an empty name, and the database is not asked', async () => {
    expect(tenants.peek({ kind: 'slug', value: '' })).toBeNull()
    expect(await tenants.find({ kind: 'domain', value: '' })).toBeNull()
    expect(asked).toEqual([])
  })
})

describe('the memory of the resolver', () => {
  const bySlug = (): TenantKey => ({ kind: 'slug', value: slug })

  it('answers at once what was found, and what was found missing', async () => {
    const missing: TenantKey = { kind: 'slug', value: 'nobody' }
    expect(tenants.peek(bySlug())).toBeUndefined()
    await tenants.find(bySlug())
    await tenants.find(missing)
    expect(tenants.peek(bySlug())?.id).toBe(id)
    expect(tenants.peek(missing)).toBeNull()
    await tenants.find(bySlug())
    await tenants.find(missing)
    expect(asked).toHaveLength(2)
  })

  it('asks once for many who ask at the same time', async () => {
    const found = await Promise.all(Array.from({ length: 50 }, () => tenants.find(bySlug())))
    expect(new Set(found.map((tenant) => tenant?.id))).toEqual(new Set([id]))
    expect(asked).toHaveLength(1)
  })

  it('keeps no failure: the next one asks again', async () => {
    const malformed: TenantKey = { kind: 'id', value: 'no uuid' }
    await expect(tenants.find(malformed)).rejects.toMatchObject({ code: '22P02' })
    expect(tenants.peek(malformed)).toBeUndefined()
    await expect(tenants.find(malformed)).rejects.toMatchObject({ code: '22P02' })
    expect(asked).toHaveLength(2)
  })

  it('is empty after clear', async () => {
    await tenants.find(bySlug())
    await changeTenant(database.worker, id, { isActive: false })
    tenants.clear()
    expect(await tenants.find(bySlug())).toBeNull()
  })

  it('does not learn after clear what was asked before it', async () => {
    let open = (): void => {}
    gate = new Promise((resolve) => {
      open = resolve
    })
    const early = tenants.find(bySlug())
    await vi.waitFor(() => expect(answered).toBe(1))
    await changeTenant(database.worker, id, { isActive: false })
    tenants.clear()
    gate = Promise.resolve()
    expect(await tenants.find(bySlug())).toBeNull()
    open()
    expect((await early)?.id).toBe(id)
    expect(tenants.peek(bySlug())).toBeNull()
  })

  it('is nothing that a caller can change', async () => {
    const tenant = await tenants.find(bySlug())
    expect(Object.isFrozen(tenant)).toBe(true)
    expect(Object.isFrozen(tenant?.allowedOrigins)).toBe(true)
  })
})
