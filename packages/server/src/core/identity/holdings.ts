import { sql } from 'kysely'
import type { Tx } from '../../database/tenant.ts'
import { EVERYTHING } from '../access/access.ts'
import type { Context, HeldGrant } from '../context.ts'
import { ProblemError } from '../problem.ts'

/** Something that roles give a person at this moment. */
export interface Holding {
  /** A permission, or `*`. */
  readonly permission: string
  /** When it ends, by the role that gives it longest; null: nobody knows yet. */
  readonly until: Date | null
}

/** What roles give a person now, whether or not the account is switched on. */
export async function findHoldings(tx: Tx, tenantId: string, userId: string): Promise<readonly Holding[]> {
  const { rows } = await sql<Holding>`
    select p.code as permission, case when bool_or(a.expires_at is null) then null else max(a.expires_at) end as until
    from role_assignment a
    join role r on r.tenant_id = a.tenant_id and r.id = a.role_id
    cross join unnest(r.permissions) as p (code)
    where a.tenant_id = ${tenantId} and a.user_id = ${userId} and (a.expires_at is null or a.expires_at > now())
    group by p.code`.execute(tx)
  return rows
}

const everything: readonly Holding[] = [{ permission: EVERYTHING, until: null }]

/** What whoever acts holds now, read anew: a role that was taken away since the call began gives nothing. */
export async function holdingsOfActor(tx: Tx, { tenant, actor }: Context): Promise<readonly Holding[]> {
  if (actor.kind === 'operator') return actor.grant === undefined ? everything : holdingsOfGrant(actor.grant)
  return actor.kind === 'user' ? findHoldings(tx, tenant.id, actor.id) : []
}

/** What a grant gives ends with it: nothing of it is given on for longer. */
const holdingsOfGrant = ({ permissions, expiresAt }: HeldGrant): readonly Holding[] =>
  permissions.map((permission) => ({ permission, until: expiresAt }))

/** Whether somebody holds all of these for as long as is said. @param until - null: for good; absent: now is enough. */
export function holdsAll(holdings: readonly Holding[], permissions: readonly string[], until?: Date | null): boolean {
  return permissions.every((permission) =>
    holdings.some(
      (holding) =>
        (holding.permission === permission || holding.permission === EVERYTHING) && lasts(holding.until, until),
    ),
  )
}

function lasts(held: Date | null, asked: Date | null | undefined): boolean {
  if (held === null || asked === undefined) return true
  return asked !== null && asked.getTime() <= held.getTime()
}

/**
 * Nobody gives, takes or touches what is beyond them.
 *
 * @throws ProblemError `beyond-own-rights` unless the holdings include all of these, for as long as is said.
 */
export function assertHoldsAll(
  holdings: readonly Holding[],
  permissions: readonly string[],
  until?: Date | null,
): void {
  if (!holdsAll(holdings, permissions, until)) throw new ProblemError('beyond-own-rights')
}

/**
 * Refuses to act on somebody who may do what the actor may not: an administrator removes no owner.
 *
 * @throws ProblemError `beyond-own-rights`.
 */
export async function assertMayActOn(tx: Tx, context: Context, userId: string): Promise<void> {
  const own = await holdingsOfActor(tx, context)
  const theirs = await findHoldings(tx, context.tenant.id, userId)
  assertHoldsAll(
    own,
    theirs.map(({ permission }) => permission),
  )
}

/** Who gave something, as the tables say it. */
export function grantorOf({ actor }: Context): string {
  return actor.kind === 'public' ? 'public' : `${actor.kind}:${actor.id}`
}
