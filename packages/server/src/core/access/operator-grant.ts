import type { FastifyRequest } from 'fastify'
import { sql } from 'kysely'
import type { Pool } from '../../database/connect.ts'
import { inTenant } from '../../database/tenant.ts'
import type { AuditOutcome } from '../audit/actions.ts'
import { type AuditSource, appendAudit } from '../audit/append.ts'
import type { Context, HeldGrant, Operator, Person } from '../context.ts'
import type { Tenant } from '../tenant/resolver.ts'
import type { Access } from './access.ts'
import { authorisePerson } from './authorise.ts'

/** A person of the platform at the door of another tenant. */
export interface Visit {
  readonly request: FastifyRequest
  readonly person: Person
  /** The context of the person in their own tenant. */
  readonly home: Context
  readonly target: Tenant
  readonly access: Exclude<Access, 'public' | 'none'>
}

/**
 * Lets a person of the platform into another tenant, by a grant that holds at this moment: it is looked up for each
 * request, by the clock of the database, as the tenant that is entered. Both logs hold that it was, before anything is
 * done.
 *
 * @returns the actor there; undefined without a grant, and for what is a person's own (their account is at home).
 * @throws ProblemError `permission-missing` for what was not granted, `step-up-required`.
 */
export async function enterByGrant(pool: Pool, visit: Visit): Promise<Operator | undefined> {
  const { request, person, home, access } = visit
  if (access === 'session' || !(await isPlatform(home))) return undefined
  const grants = await grantsOf(pool, visit)
  const fitting = grants.find(({ permissions }) => permissions.includes(access)) ?? grants[0]
  if (fitting === undefined) return undefined
  const operator: Operator = { kind: 'operator', id: person.id, grant: fitting }
  const log = (outcome: AuditOutcome): Promise<void> => writeDown(pool, visit, operator, outcome)
  try {
    authorisePerson({ ...person, permissions: fitting.permissions }, access, request.route, home.clock.now())
  } catch (error) {
    await log('refused')
    throw error
  }
  await log('done')
  return operator
}

/** Whether somebody is at home at the platform. For anybody else no tenant is asked. */
async function isPlatform({ tenant, inTenant: atHome }: Context): Promise<boolean> {
  const row = await atHome((tx) =>
    tx.selectFrom('tenant').select('is_platform').where('id', '=', tenant.id).executeTakeFirst(),
  )
  return row?.is_platform === true
}

async function grantsOf(pool: Pool, { person, home, target }: Visit): Promise<readonly HeldGrant[]> {
  const rows = await inTenant(pool, target.id, (tx) =>
    tx
      .selectFrom('operator_grant')
      .select(['id', 'permissions', 'expires_at'])
      .where('tenant_id', '=', target.id)
      .where('operator_id', '=', person.id)
      .where('operator_tenant_id', '=', home.tenant.id)
      .where('revoked_at', 'is', null)
      .where('expires_at', '>', sql<Date>`now()`)
      .orderBy('created_at', 'desc')
      .execute(),
  )
  const { aal, authTimeMs } = person
  return rows.map(({ id, permissions, expires_at }) => ({ id, permissions, expiresAt: expires_at, aal, authTimeMs }))
}

async function writeDown(
  pool: Pool,
  { request, home, target }: Visit,
  operator: Operator,
  outcome: AuditOutcome,
): Promise<void> {
  const event = {
    action: 'operator.acted',
    outcome,
    resource: { type: 'tenant', id: target.id },
    // The pattern of the path, which holds nothing of a request.
    changes: { grant: operator.grant?.id ?? null, operation: `${request.method} ${request.route.url ?? ''}` },
  } as const
  await home.inTenant((tx) => appendAudit(tx, home, event))
  const there: AuditSource = { ...home, tenant: target, actor: { kind: 'operator', id: operator.id } }
  await inTenant(pool, target.id, (tx) => appendAudit(tx, there, event))
}
