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
}

/** What may name a tenant. An empty value names nobody. */
export type TenantKey = { readonly kind: 'slug' | 'id' | 'domain' | 'form'; readonly value: string }

export interface TenantResolver {
  /** The tenant from memory: a tenant, `null` when it is known not to exist, `undefined` when the database must be asked. */
  peek(key: TenantKey): Tenant | null | undefined
  /** The active tenant of a key; `null` when there is none (a suspended one included). */
  find(key: TenantKey): Promise<Tenant | null>
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
}

/** Looks tenants up through the definer functions of the `auth` schema and remembers the answers for five seconds. */
export function createTenantResolver(pool: Pick<Pool, 'query'>): TenantResolver {
  const known = new LRUCache<string, { tenant: Tenant | null }>({ max: 10_000, ttl: staleMs })
  const nobody = Promise.resolve(null)
  let pending = new Map<string, Promise<Tenant | null>>()

  async function ask(key: TenantKey): Promise<Tenant | null> {
    const result =
      key.kind === 'form'
        ? await pool.query<Row>({
            name: 'find-form-tenant',
            text: 'select * from auth.find_form_tenant($1)',
            values: [key.value],
          })
        : await pool.query<Row>({
            name: 'find-tenant',
            text: 'select * from auth.find_tenant($1, $2)',
            values: [key.kind, key.value],
          })
    const row = result.rows[0]
    return row === undefined ? null : fromRow(row)
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

  return {
    peek: (key) => (key.value === '' ? null : known.get(`${key.kind}:${key.value}`)?.tenant),
    find(key) {
      if (key.value === '') return nobody
      const name = `${key.kind}:${key.value}`
      const cached = known.get(name)
      return cached === undefined ? (pending.get(name) ?? lookUp(name, key)) : Promise.resolve(cached.tenant)
    },
    clear() {
      known.clear()
      pending = new Map()
    },
  }
}

function fromRow(row: Row): Tenant {
  return Object.freeze({
    id: row.id,
    slug: row.slug,
    name: row.name,
    locale: row.locale,
    timeZone: row.time_zone,
    allowedOrigins: Object.freeze(row.allowed_origins),
  })
}
