import type { PolicyOverrides } from '@rempart/guard'
import { LRUCache } from 'lru-cache'
import type { Pool } from '../../database/connect.ts'
import type { CacheReading } from '../metrics/readings.ts'
import type { TenantMemory } from './feed.ts'
import { createLookupMemory } from './lookup-memory.ts'

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

export interface TenantResolver extends TenantMemory {
  /** The tenant from memory: a tenant, `null` when it is known not to exist, `undefined` when the database must be asked. */
  peek(key: TenantKey): Tenant | null | undefined
  /** The tenant that a key was last known to name, for what may be out of date: it may be suspended since. */
  recall(key: TenantKey): Tenant | undefined
  /** The active tenant of a key; `null` when there is none (a suspended one included). */
  find(key: TenantKey): Promise<Tenant | null>
  reading(): CacheReading
}

/** How long a tenant is believed, and how long while changes of it are heard of. */
const staleMs = { unheard: 5_000, heard: 600_000 }

interface Row {
  id: string
  slug: string
  name: string
  locale: 'en' | 'fr'
  time_zone: string
  allowed_origins: string[]
  policy_overrides: PolicyOverrides | null
}

/** What came of one question to the database. */
type TenantLookUp = 'found' | 'missing' | 'failed'

export interface TenantResolverOptions {
  /** Told of each question to the database. */
  readonly onLookUp?: (result: TenantLookUp) => void
  /** Whether changes of other processes are heard of; never when absent. */
  readonly hears?: () => boolean
  /** Monotonic milliseconds; of the process when absent. */
  readonly nowMs?: () => number
}

/**
 * Looks tenants up through the definer functions of the `auth` schema and remembers the answers: for ten minutes, and for
 * five seconds where no change would be heard of.
 */
export function createTenantResolver(
  pool: Pick<Pool, 'query'>,
  { onLookUp = () => {}, hears = () => false, nowMs }: TenantResolverOptions = {},
): TenantResolver {
  const memory = createLookupMemory<Tenant>({
    // A tenant has its id, its slug, its domains and its forms for names: some 100 bytes each.
    ...{ max: 100_000, maxMissing: 10_000, freshMs: staleMs.unheard },
    heard: { freshMs: staleMs.heard, hears },
    ...(nowMs && { nowMs }),
  })
  // Some 2 kB each.
  const kept = new LRUCache<string, { readonly text: string; readonly tenant: Tenant }>({ max: 25_000 })
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
    return row === undefined ? null : sameTenant(row)
  }

  function lookUp(name: string, key: TenantKey): Promise<Tenant | null> {
    // What was asked before a `clear` may be answered after it, with what is no longer so: it goes to who asked alone.
    const current = pending
    const answer = ask(key)
      .then(
        (tenant) => {
          onLookUp(tenant === null ? 'missing' : 'found')
          if (current === pending) memory.learn(name, tenant, namesOf(tenant))
          return tenant
        },
        (error: unknown) => {
          onLookUp('failed')
          throw error
        },
      )
      .finally(() => current.delete(name))
    current.set(name, answer)
    return answer
  }

  // What is the same stays the same object, by whatever name: it is kept once, and its policies are judged and compiled
  // once.
  function sameTenant(row: Row): Tenant {
    const text = JSON.stringify(row)
    const known = kept.get(row.id)
    if (known?.text === text) return known.tenant
    const tenant = fromRow(row)
    kept.set(row.id, { text, tenant })
    return tenant
  }

  return {
    peek: (key) => (key.value === '' ? null : memory.peek(nameOf(key))),
    recall: (key) => memory.recall(nameOf(key)),
    find(key) {
      if (key.value === '') return nobody
      const name = nameOf(key)
      const known = memory.peek(name)
      return known === undefined ? (pending.get(name) ?? lookUp(name, key)) : Promise.resolve(known)
    },
    forget(tenantId) {
      // A name that nobody had may be this tenant's by now.
      memory.forget((_, tenant) => tenant === null || tenant.id === tenantId)
      pending = new Map()
    },
    clear() {
      memory.clear()
      pending = new Map()
    },
    reading: memory.reading,
  }
}

/** What else it is asked for by. */
const namesOf = (tenant: Tenant | null): readonly string[] =>
  tenant === null ? [] : [`id:${tenant.id}`, `slug:${tenant.slug}`]

const nameOf = ({ kind, value }: TenantKey): string => `${kind}:${value}`

function fromRow(row: Row): Tenant {
  return Object.freeze({
    id: row.id,
    slug: row.slug,
    name: row.name,
    locale: row.locale,
    timeZone: row.time_zone,
    allowedOrigins: Object.freeze(row.allowed_origins),
    policyOverrides: row.policy_overrides ?? undefined,
  })
}
