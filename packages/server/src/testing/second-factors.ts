import { Secret, TOTP } from 'otpauth'
import { bearer, nextAddress, signInOver, type TestPerson, type TestTokens } from './people.ts'
import type { TestServer } from './server.ts'

/** A person of a test with an authenticator app. */
export interface TestFactor extends TestTokens {
  /** Base32. */
  readonly secret: string
  readonly recoveryCodes: readonly string[]
}

const stepMs = 30_000

/** What the app shows at an instant. */
export const codeAt = (secret: string, nowMs: number): string =>
  new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: nowMs })

/** A code that was never shown before: the clock goes on by a step, for the guard as well. */
export function nextCode(server: Pick<TestServer, 'clock'>, secret: string): string {
  server.clock.nowMs += stepMs
  return codeAt(secret, server.clock.nowMs)
}

/** A code that no step about now has. */
export function wrongCode(server: Pick<TestServer, 'clock'>, secret: string): string {
  const near = [-2, -1, 0, 1, 2].map((step) => codeAt(secret, server.clock.nowMs + step * stepMs))
  return ['000000', '111111', '222222', '333333', '444444', '555555'].find((code) => !near.includes(code)) ?? ''
}

/** Sends JSON from an address that no other call has had. */
export const postTo = (
  { app }: TestServer,
  url: string,
  payload: object | undefined,
  headers: Readonly<Record<string, string>> = {},
  address = nextAddress(),
) =>
  app.inject({
    method: 'POST',
    url: `/api/v1${url}`,
    remoteAddress: address,
    headers: { ...headers },
    ...(payload !== undefined && { payload }),
  })

/** Signs a person in and gives them a second factor, over HTTP. @throws Error when the server does not. */
export async function enrolOver(server: TestServer, person: TestPerson): Promise<TestFactor> {
  const { accessToken } = await signInOver(server, person)
  const setup = await postTo(server, '/mfa/setup', undefined, bearer(accessToken))
  const { secret } = setup.json()
  const enabled = await postTo(server, '/mfa/enable', { code: nextCode(server, secret) }, bearer(accessToken))
  if (enabled.statusCode !== 200) throw new Error(`enrolment answered ${enabled.statusCode}: ${enabled.body}`)
  const { access_token, refresh_token, recovery_codes } = enabled.json()
  return { accessToken: access_token, refreshToken: refresh_token, secret, recoveryCodes: recovery_codes }
}

/** The first step of a sign-in with a second factor. @throws Error when it is not asked for. */
export async function challengeOver(
  server: TestServer,
  { email, password }: Pick<TestPerson, 'email' | 'password'>,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const answer = await postTo(server, '/auth/login', { email, password }, headers)
  const { mfa_session_token: token } = answer.json()
  if (typeof token !== 'string') throw new Error(`sign-in answered ${answer.statusCode}: ${answer.body}`)
  return token
}
