import { createPasswordHasher } from '../../packages/server/src/core/credentials/password-hasher.ts'
import type { BuiltinRole } from '../../packages/server/src/core/identity/builtin-roles.ts'
import { assignRole, insertUser } from '../../packages/server/src/core/identity/new-user.ts'
import type { Pool } from '../../packages/server/src/database/connect.ts'
import { inTenant } from '../../packages/server/src/database/tenant.ts'
import { findTenant } from '../../packages/server/src/modules/tenants/service.ts'
import type { Answer } from '../support/http-client.ts'
import type { PublicCall, Visitor, Visitors } from './visitors.ts'

/** Somebody with an account in the default tenant, whose address is confirmed. */
export interface Person {
  readonly id: string
  readonly email: string
  readonly password: string
}

/** Somebody who is signed in. */
export interface SignedIn {
  readonly accessToken: string
  readonly refreshToken: string
  /** Calls as this person, each time from another address. */
  call(path: string, call?: PublicCall): Promise<Answer>
}

const hasher = createPasswordHasher()
let people = 0

/**
 * Makes an account as it may stand in a database of long ago: nothing is asked of its password.
 *
 * @param pool - as rempart_worker.
 * @param slug - of the tenant.
 */
export async function createPerson(
  pool: Pool,
  slug: string,
  { password, roles = [] }: { readonly password?: string; readonly roles?: readonly BuiltinRole[] } = {},
): Promise<Person> {
  people += 1
  const person = {
    email: `person-${people}@people.example.net`,
    password: password ?? `seven purple candles ${people}`,
  }
  const tenant = await findTenant(pool, slug)
  if (tenant === undefined) throw new Error(`no tenant ${slug}`)
  const passwordHash = await hasher.hash(person.password)
  const id = await inTenant(pool, tenant.id, async (tx) => {
    const user = { tenantId: tenant.id, email: person.email, locale: 'en', passwordHash } as const
    const made = await insertUser(tx, { ...user, emailVerifiedAt: new Date() })
    if (made === undefined) throw new Error('the address is taken')
    for (const roleCode of roles) {
      await assignRole(tx, { tenantId: tenant.id, userId: made, roleCode, grantedBy: 'operator:cli' })
    }
    return made
  })
  return { ...person, id }
}

/** Asks to sign in. */
export const login = (visitor: Visitor, { email, password }: Pick<Person, 'email' | 'password'>): Promise<Answer> =>
  visitor('/api/v1/auth/login', { json: { email, password } })

/** Signs in. @throws Error when that is refused. */
export async function signIn(visitors: Visitors, person: Pick<Person, 'email' | 'password'>): Promise<SignedIn> {
  const answer = await login(visitors.next(), person)
  if (answer.status !== 200) throw new Error(`sign-in answered ${answer.status}: ${answer.text}`)
  return signedIn(visitors, answer)
}

/** What an answer with tokens makes of its person. */
export function signedIn(visitors: Visitors, answer: Answer): SignedIn {
  const tokens = answer.json()
  const accessToken = String(tokens['access_token'])
  return {
    accessToken,
    refreshToken: String(tokens['refresh_token']),
    call: (path, call = {}) =>
      visitors.next()(path, { ...call, headers: { authorization: `Bearer ${accessToken}`, ...call.headers } }),
  }
}
