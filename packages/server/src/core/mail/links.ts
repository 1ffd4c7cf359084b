/** The page that a token is for. */
export type LinkKind = keyof typeof paths

/** Addresses for mails. Each starts with the configured public URL; nothing of a request is in it. */
export interface MailLinks {
  /** A page with its token. @throws RangeError when the token is not 16 to 256 characters of base64url. */
  readonly withToken: (kind: LinkKind, token: string) => string
  /** Where a person looks after the account: sessions, password, second factor. */
  readonly security: string
  /** Where a person asks for a new password. */
  readonly forgot: string
}

const paths = {
  reset: '/account/reset',
  verify: '/account/verify',
  invite: '/account/invite',
  changeEmail: '/account/change-email',
  returnEmail: '/account/return-email',
  endSessions: '/account/end-sessions',
  resetFactor: '/account/reset-factor',
  keepFactor: '/account/keep-factor',
} as const

/**
 * Links to the pages of accounts. A token stands in the fragment, which no browser sends: it is in no access log and in
 * no Referer.
 *
 * @param publicUrl - an origin, as the configuration holds it.
 */
export function createMailLinks(publicUrl: string): MailLinks {
  return {
    withToken(kind, token) {
      assertToken(token)
      return `${publicUrl}${paths[kind]}#token=${token}`
    },
    security: `${publicUrl}/account/security`,
    forgot: `${publicUrl}/account/forgot`,
  }
}

function assertToken(token: string): void {
  if (!/^[A-Za-z0-9_-]{16,256}$/.test(token))
    throw new RangeError('a token of a link is 16 to 256 base64url characters')
}
