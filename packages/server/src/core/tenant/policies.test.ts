import type { PolicyInput } from '@rempart/guard'
import type { FastifyRequest } from 'fastify'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Pool } from '../../database/connect.ts'
import { inTenant } from '../../database/tenant.ts'
import { createTenant } from '../../modules/tenants/service.ts'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { createPolicySet } from '../guard/policy-set.ts'
import { createLogger } from '../logging/logging.ts'
import { createTenantPolicies, type TenantPolicies } from './policies.ts'
import { createTenantResolver, type TenantResolver } from './resolver.ts'

const contact: PolicyInput = {
  id: 'contact.submit',
  rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 3, window: '60s' }],
}
const set = createPolicySet([contact], undefined)
const strict = { 'contact.submit': { burst: { limit: 1 } } }

let database: TestDatabase
let slug: string
let asked: string[]
let gate: Promise<void>
let nowMs = 1
let tenants: TenantResolver
let policies: TenantPolicies
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())
beforeEach(async () => {
  slug = await strictTenant()
  asked = []
  gate = Promise.resolve()
  tenants = createTenantResolver(gated(database.app), { nowMs: () => nowMs })
  policies = createTenantPolicies({
    tenants,
    namesOf: ({ headers }) => [{ kind: 'slug', value: String(headers['x-tenant-id']) }],
    anyOverrides: () => true,
    factor: 1,
    log: createLogger({ level: 'silent' }),
  })
})

async function strictTenant(): Promise<string> {
  const name = `t-${Math.random().toString(36).slice(2)}`
  const id = await createTenant(database.worker, { slug: name, name: 'Strict' })
  const row = { tenant_id: id, policy_id: 'contact.submit', rules: JSON.stringify(strict['contact.submit']) }
  await inTenant(database.worker, id, (tx) => tx.insertInto('policy_override').values(row).execute())
  return name
}

/** The pool, with a note of each name that is looked up and a gate before each answer. */
function gated(pool: Pool): Pick<Pool, 'query'> {
  return new Proxy(pool, {
    get(target, name) {
      if (name !== 'query') return Reflect.get(target, name)
      return async (question: { name: string; text: string; values: string[] }) => {
        asked.push(question.values[1] ?? '')
        await gate
        return target.query(question)
      }
    },
  })
}

function closeGate(): () => void {
  const { promise, resolve } = Promise.withResolvers<void>()
  gate = promise
  return resolve
}

/** Only what tells the tenant and the client of a request is read of it. */
const early = (client: string, tenant: string) =>
  policies.early(
    {
      client: { key: client },
      route: { access: 'public' },
      headers: { 'x-tenant-id': tenant },
    } as unknown as FastifyRequest,
    set,
  )

describe('what a tenant has otherwise, before its request is identified', () => {
  it('is not kept from one client by another that names as many tenants as it can', async () => {
    const open = closeGate()
    const flood = Array.from({ length: 100 }, (_, index) => early('203.0.113.1', `made-up-${index}`))
    const other = early('198.51.100.7', slug)
    open()
    expect(await other).toEqual(strict)
    await Promise.all(flood)
    expect(asked.filter((name) => name !== slug).length).toBeLessThanOrEqual(4)
  })

  it('holds at once for a tenant that has been in memory, whatever others are looking up', async () => {
    await early('198.51.100.7', slug)
    nowMs += 60_000
    const open = closeGate()
    const flood = Array.from({ length: 100 }, (_, index) => early(`203.0.113.${index}`, `made-up-${index}`))
    expect(early('198.51.100.7', slug)).toEqual(strict)
    open()
    await Promise.all(flood)
    // Every place was taken, and it was read anew all the same.
    expect(asked.filter((name) => name !== slug)).toHaveLength(32)
    expect(asked.filter((name) => name === slug)).toHaveLength(2)
  })

  it('costs a client that tries names ten look-ups a minute, however many it tries', async () => {
    for (let index = 0; index < 200; index += 1) await early('203.0.113.1', `made-up-${index}`)
    expect(asked).toHaveLength(10)
    // It goes on being told apart by a tenant that is known.
    await tenants.find({ kind: 'slug', value: slug })
    expect(await early('203.0.113.1', slug)).toEqual(strict)
    expect(await early('203.0.113.2', await strictTenant())).toEqual(strict)
  })
})
