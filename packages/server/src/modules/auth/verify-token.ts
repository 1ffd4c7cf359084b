import type { Static } from 'typebox'
import type { Context } from '../../core/context.ts'
import type { SessionCheck } from '../../core/identity/session-check.ts'
import type { AccessTokens } from '../../core/tokens/access-token.ts'
import type { AccessClaims } from '../../core/tokens/access-token-claims.ts'
import type { VerifyTokenReply } from './schema.ts'

export interface Introspection {
  readonly accessTokens: Pick<AccessTokens, 'read'>
  readonly checkSession: SessionCheck
}

/** What a token says, when it holds, its session is alive and both are of the caller's tenant (RFC 7662). */
export async function introspect(
  { tenant }: Context,
  { accessTokens, checkSession }: Introspection,
  token: string,
): Promise<Static<typeof VerifyTokenReply>> {
  const claims = await accessTokens.read(token)
  if (claims === undefined || claims.tid !== tenant.id) return { active: false }
  const session = await checkSession(claims.tid, claims.sid)
  if (session === undefined || session.userId !== claims.sub) return { active: false }
  return { active: true, ...shown(claims), token_type: 'at+jwt' }
}

const shown = ({ sub, tid, sid, exp, iat }: AccessClaims) => ({ sub, tid, sid, exp, iat })
