import { createAuthenticator, type Deviation, type TestAuthenticator } from './authenticator.ts'
import { bearer, signInOver, type TestPerson } from './people.ts'
import { postTo } from './second-factors.ts'
import type { TestServer } from './server.ts'

type Fields = Readonly<Record<string, string>>

/** What a new passkey is to be made for. @throws Error when the server does not say. */
export async function creationOver(server: TestServer, accessToken: string, headers: Fields = {}) {
  const credential = { ...headers, ...bearer(accessToken) }
  const answer = await postTo(server, '/passkeys/registration/options', undefined, credential)
  if (answer.statusCode !== 200) throw new Error(`the options answered ${answer.statusCode}: ${answer.body}`)
  return answer.json()
}

/** Adds a passkey to a person, over HTTP. @throws Error when the server does not. */
export async function addPasskeyOver(
  server: TestServer,
  accessToken: string,
  authenticator: TestAuthenticator = createAuthenticator(),
  headers: Fields = {},
): Promise<{ readonly id: string; readonly authenticator: TestAuthenticator }> {
  const credential = authenticator.make(await creationOver(server, accessToken, headers))
  const own = { ...headers, ...bearer(accessToken) }
  const answer = await postTo(server, '/passkeys/registration', { credential, label: 'Test' }, own)
  if (answer.statusCode !== 201) throw new Error(`the registration answered ${answer.statusCode}: ${answer.body}`)
  return { id: answer.json().id, authenticator }
}

/** Signs a person in with their password and adds a passkey. */
export async function withPasskey(server: TestServer, person: TestPerson, authenticator?: TestAuthenticator) {
  const tokens = await signInOver(server, person)
  return { ...tokens, ...(await addPasskeyOver(server, tokens.accessToken, authenticator)) }
}

/** What a passkey is to sign, for signing in. */
export const challengeForSignIn = async (server: TestServer, headers: Fields = {}) =>
  (await postTo(server, '/passkeys/authentication/options', {}, headers)).json()

/** Signs in with a passkey, over HTTP; the answer, whatever it is. */
export async function showPasskeyOver(
  server: TestServer,
  authenticator: TestAuthenticator,
  deviation: Deviation = {},
  headers: Fields = {},
) {
  const credential = authenticator.show(await challengeForSignIn(server, headers), deviation)
  return postTo(server, '/passkeys/authentication', { credential }, headers)
}
