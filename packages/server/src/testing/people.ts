import { createPasswordHasher } from '../core/credentials/password-hasher.ts'
import { assignRole, insertUser } from '../core/identity/new-user.ts'
import { inTenant } from '../database/tenant.ts'
import type { TestServer } from './server.ts'

/** A person of a test, who can sign in. */
export interface TestPerson {
  readonly id: string
  readonly email: string
  readonly password: string
}

export interface PersonOptions {
  readonly tenantId?: string
  readonly email?: string
  /** Undefined: cannot sign in with a password. */
  readonly password?: string | null
  readonly roles?: readonly string[]
  readonly isVerified?: boolean
}

const hasher = createPasswordHasher()
let sequence = 0

/** Makes a person with a confirmed address and these roles. */
export async function createPerson(server: TestServer, options: PersonOptions = {}): Promise<TestPerson> {
  sequence += 1
  const tenantId = options.tenantId ?? server.tenant.id
  const email = options.email ?? `person-${process.pid}-${sequence}@example.org`
  const password = options.password === undefined ? `a fine password no. ${sequence}` : options.password
  const passwordHash = password === null ? undefined : await hasher.hash(password)
  const id = await inTenant(server.database.worker, tenantId, async (tx) => {
    const made = await insertUser(tx, {
      tenantId,
      email,
      locale: 'en',
      ...(passwordHash !== undefined && { passwordHash }),
      emailVerifiedAt: options.isVerified === false ? null : new Date(),
    })
    if (made === undefined) throw new Error('the address is taken')
    for (const roleCode of options.roles ?? []) {
      await assignRole(tx, { tenantId, userId: made, roleCode, grantedBy: 'operator:cli' })
    }
    return made
  })
  return { id, email, password: password ?? '' }
}

/** The tokens of somebody who has just signed in. */
export interface TestTokens {
  readonly accessToken: string
  readonly refreshToken: string
}

/** Signs a person in over HTTP. @throws Error when the answer is not 200 with tokens. */
export async function signInOver(
  { app }: TestServer,
  { email, password }: Pick<TestPerson, 'email' | 'password'>,
  options: { readonly address?: string; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<TestTokens> {
  const answer = await app.inject({
    method: 'POST',
    url: '/api/v1/auth/login',
    remoteAddress: options.address ?? nextAddress(),
    payload: { email, password },
    headers: { ...options.headers },
  })
  if (answer.statusCode !== 200) throw new Error(`sign-in answered ${answer.statusCode}: ${answer.body}`)
  const { access_token: accessToken, refresh_token: refreshToken } = answer.json()
  return { accessToken, refreshToken }
}

let lastAddress = 0

/** A client address that no other call has had, so that no limit of another counts. */
export function nextAddress(): string {
  lastAddress += 1
  return `10.${(lastAddress >> 16) & 255}.${(lastAddress >> 8) & 255}.${lastAddress & 255}`
}

export const bearer = (token: string): { readonly authorization: string } => ({ authorization: `Bearer ${token}` })
