import type { PolicyOverrides } from '@rempart/guard'
import { LRUCache } from 'lru-cache'
import type { Pool } from '../database/connect.ts'

/** A tenant as requests see it. */
export interface Tenant {
  readonly id: string
  readonly slug: string
  readonly name: string
  readonly locale: 'en' | 'fr'
  /** IANA name. */
  readonly timeZone: string
  readonly allowedOrigins: readonly string[]
  /** By policy id, what the tenant has otherwise, whether or not it is allowed; undefined for nothing. */
  readonly policyOverrides?: PolicyOverrides | undefined
}

/** What may name a tenant. An empty value names nobody. */
export type TenantKey = { readonly kind: 'slug' | 'id' | 'domain' | 'form'; readonly value: string }

export interface TenantResolver {
  /** The tenant from memory: a tenant, `null` when it is known not to exist, `undefined` when the database must be asked. */
  peek(key: TenantKey): Tenant | null | undefined
  /** The active tenant of a key; `null` when there is none (a suspended one included). */
  find(key: TenantKey): Promise<Tenant | null>
  /** Forgets one tenant, after a change of it anywhere. */
  forget(tenantId: string): void
  /** Forgets everything, after a change in this process. */
  clear(): void
}

/** How long another process's change may stay unseen. */
const staleMs = 5_000

interface Row {
  id: string
  slug: string
  name: string
  locale: 'en' | 'fr'
  time_zone: string
  allowed_origins: string[]
  policy_overrides: PolicyOverrides | null
}

/** Looks tenants up through the definer functions of the `auth` schema and remembers the answers for five seconds. */
export function createTenantResolver(pool: Pick<Pool, 'query'>): TenantResolver {
  const known = new LRUCache<string, { tenant: Tenant | null }>({ max: 10_000, ttl: staleMs })
  const overrides = new LRUCache<string, { readonly text: string; readonly read: PolicyOverrides }>({ max: 10_000 })
  const nobody = Promise.resolve(null)
  let pending = new Map<string, Promise<Tenant | null>>()

  async function ask(key: TenantKey): Promise<Tenant | null> {
    const result =
      key.kind === 'form'
        ? await pool.query<Row>({
            name: 'find-form-tenant',
            text: 'select t.*, auth.find_policy_overrides(t.id) as policy_overrides from auth.find_form_tenant($1) t',
            values: [key.value],
          })
        : await pool.query<Row>({
            name: 'find-tenant',
            text: 'select t.*, auth.find_policy_overrides(t.id) as policy_overrides from auth.find_tenant($1, $2) t',
            values: [key.kind, key.value],
          })
    const row = result.rows[0]
    return row === undefined ? null : fromRow(row, sameOverrides(row))
  }

  function lookUp(name: string, key: TenantKey): Promise<Tenant | null> {
    // What was asked before a `clear` may be answered after it, with what is no longer so: it goes to who asked alone.
    const current = pending
    const answer = ask(key)
      .then((tenant) => {
        if (current === pending) known.set(name, { tenant })
        return tenant
      })
      .finally(() => current.delete(name))
    current.set(name, answer)
    return answer
  }

  // What is the same stays the same object, so that it is judged and compiled once, not every five seconds.
  function sameOverrides({ id, policy_overrides: read }: Row): PolicyOverrides | undefined {
    if (read === null) return undefined
    const text = JSON.stringify(read)
    const kept = overrides.get(id)
    if (kept?.text === text) return kept.read
    overrides.set(id, { text, read })
    return read
  }

  return {
    peek: (key) => (key.value === '' ? null : known.get(`${key.kind}:${key.value}`)?.tenant),
    find(key) {
      if (key.value === '') return nobody
      const name = `${key.kind}:${key.value}`
      const cached = known.get(name)
      return cached === undefined ? (pending.get(name) ?? lookUp(name, key)) : Promise.resolve(cached.tenant)
    },
    forget(tenantId) {
      for (const [name, { tenant }] of known.entries()) if (tenant?.id === tenantId) known.delete(name)
      pending = new Map()
    },
    clear() {
      known.clear()
      pending = new Map()
    },
  }
}

function fromRow(row: Row, policyOverrides: PolicyOverrides | undefined): Tenant {
  return Object.freeze({
    id: row.id,
    slug: row.slug,
    name: row.name,
    locale: row.locale,
    timeZone: row.time_zone,
    allowedOrigins: Object.freeze(row.allowed_origins),
    policyOverrides,
  })
}
