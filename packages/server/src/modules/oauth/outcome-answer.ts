import type { FastifyReply } from 'fastify'
import { answerTokens, type SessionKit } from '../../core/identity/session-kit.ts'
import { CHALLENGE_SECONDS, type Outcome } from './callback.ts'
import type { OAuthTokenReply } from './schema.ts'

/** What a script is answered: tokens, or what is still to be done. Cookies are set for whoever asked for them. */
export async function answerOf(reply: FastifyReply, kit: SessionKit, result: Outcome): Promise<OAuthTokenReply> {
  switch (result.outcome) {
    case 'session':
      return { ...(await answerTokens(reply, kit, result.session)) }
    case 'second-factor':
      return {
        ...{ token_type: 'Bearer', expires_in: CHALLENGE_SECONDS, mfa_required: true },
        mfa_session_token: result.token,
        captcha_required: false,
      }
    case 'registration':
      return { registration_required: true, registration_token: result.token }
    case 'linked':
      return { linked: true }
  }
}

/** What is still to be done. A fragment reaches no server and no log; neither token is worth anything by itself. */
export function fragmentOf(result: Outcome): string {
  switch (result.outcome) {
    case 'second-factor':
      return `#mfa_session_token=${result.token}`
    case 'registration':
      return `#registration_token=${result.token}`
    case 'session':
    case 'linked':
      return ''
  }
}
