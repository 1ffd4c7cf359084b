import { createHash, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose'

/** What an identity provider of a test says of whoever signs in; each value may be a lie. */
export interface ProviderAnswers {
  sub: string
  email: string | undefined
  emailVerified: unknown
  /** Of the ID token, when it is not the provider's own. */
  iss: string | undefined
  /** Of the answer in the address (RFC 9207), when it is not the provider's own. */
  issParameter: string | undefined
  /** Of the UserInfo answer, when it is not that of the ID token. */
  userInfoSub: string | undefined
  audience: string | string[] | undefined
  /** Of the ID token. */
  expiresIn: string
  /** The key that the ID token says it is signed with. */
  kid: string
  /** The ID token is signed with what everybody knows, its public key, as if that were a secret (HS256). */
  isKeyConfused: boolean
  /** False: the ID token carries none. */
  hasNonce: boolean
  /** False: the e-mail address is told by the UserInfo endpoint alone. */
  hasEmailInToken: boolean
  /** Signed with a key that it does not publish. */
  isForged: boolean
  /** The ID token has no signature, and says so. */
  isUnsigned: boolean
  /** Of the ID token, when it is not that of the flow. */
  nonce: string | undefined
  /** Of its metadata, when it is not its own. */
  metadataIssuer: string | undefined
  /** Of its metadata, in the place of what it says else; undefined: it says nothing. */
  metadata: Readonly<Record<string, unknown>>
  /** What the ID token says besides. */
  more: Readonly<Record<string, unknown>>
  /** Called before a token is handed out. */
  beforeToken: () => Promise<void>
}

/** An OpenID provider and a GitHub on this machine, which say what a test tells them to. */
export interface TestProvider {
  readonly issuer: string
  readonly answers: ProviderAnswers
  /** How often a token was asked for. */
  readonly tokenCalls: () => number
  /** How often a path was asked for. */
  readonly callsOf: (path: string) => number
  /** Signs somebody in at the address that a server sends browsers to. @returns where the browser is sent back to. */
  authorize(authorizeUrl: string): URL
  close(): Promise<void>
}

interface Code {
  readonly nonce: string | null
  readonly challenge: string | null
  readonly clientId: string | null
}

export async function startTestProvider(): Promise<TestProvider> {
  const keys = await generateKeyPair('RS256')
  const others = await generateKeyPair('RS256')
  const jwk = { ...(await exportJWK(keys.publicKey)), kid: 'one', alg: 'RS256', use: 'sig' }
  const codes = new Map<string, Code>()
  const calls = new Map<string, number>()
  let tokenCalls = 0
  const answers: ProviderAnswers = {
    sub: 'subject',
    email: undefined,
    emailVerified: true,
    iss: undefined,
    issParameter: undefined,
    userInfoSub: undefined,
    audience: undefined,
    expiresIn: '5m',
    kid: 'one',
    isKeyConfused: false,
    hasNonce: true,
    hasEmailInToken: true,
    isForged: false,
    isUnsigned: false,
    nonce: undefined,
    metadataIssuer: undefined,
    metadata: {},
    more: {},
    beforeToken: async () => {},
  }
  const emailClaims = () => ({ email: answers.email, email_verified: answers.emailVerified })

  async function idToken({ nonce, clientId }: Code): Promise<string> {
    const claims = {
      ...answers.more,
      ...(answers.hasNonce && nonce !== null && { nonce: answers.nonce ?? nonce }),
      ...(answers.hasEmailInToken && emailClaims()),
    }
    const complete = <Token extends SignJWT | UnsecuredJWT>(token: Token): Token => {
      token
        .setIssuer(answers.iss ?? issuer)
        .setSubject(answers.sub)
        .setAudience(answers.audience ?? clientId ?? '')
        .setIssuedAt()
        .setExpirationTime(answers.expiresIn)
      return token
    }
    if (answers.isUnsigned) return complete(new UnsecuredJWT(claims)).encode()
    if (answers.isKeyConfused) {
      const known = new TextEncoder().encode(await exportSPKI(keys.publicKey))
      return await complete(new SignJWT(claims)).setProtectedHeader({ alg: 'HS256', kid: answers.kid }).sign(known)
    }
    return await complete(new SignJWT(claims))
      .setProtectedHeader({ alg: 'RS256', kid: answers.kid })
      .sign(answers.isForged ? others.privateKey : keys.privateKey)
  }

  async function token(request: IncomingMessage): Promise<readonly [status: number, body: object]> {
    tokenCalls += 1
    const form = new URLSearchParams(await textOf(request))
    await answers.beforeToken()
    const code = codes.get(form.get('code') ?? '')
    codes.delete(form.get('code') ?? '')
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url')
    if (code === undefined || code.challenge !== challenge) return [400, { error: 'invalid_grant' }]
    const bearer = { access_token: randomBytes(16).toString('hex'), token_type: 'bearer', expires_in: 60 }
    return [200, code.nonce === null ? bearer : { ...bearer, id_token: await idToken(code) }]
  }

  async function answerTo(request: IncomingMessage): Promise<readonly [status: number, body: object]> {
    switch (request.url) {
      case '/.well-known/openid-configuration':
        return [
          200,
          {
            issuer: answers.metadataIssuer ?? issuer,
            authorization_endpoint: `${issuer}/authorize`,
            token_endpoint: `${issuer}/token`,
            jwks_uri: `${issuer}/jwks`,
            userinfo_endpoint: `${issuer}/userinfo`,
            response_types_supported: ['code'],
            subject_types_supported: ['public'],
            id_token_signing_alg_values_supported: ['RS256'],
            authorization_response_iss_parameter_supported: true,
            ...answers.metadata,
          },
        ]
      case '/jwks':
        return [200, { keys: [jwk] }]
      case '/token':
      case '/login/oauth/access_token':
        return await token(request)
      case '/userinfo':
        return [200, { sub: answers.userInfoSub ?? answers.sub, ...emailClaims() }]
      case '/user':
        return [200, { id: Number(answers.sub), login: 'ada' }]
      case '/user/emails':
        return [
          200,
          [
            { email: 'other@example.org', primary: false, verified: true },
            { email: answers.email, primary: true, verified: answers.emailVerified },
          ],
        ]
      default:
        return [404, {}]
    }
  }

  const server = createServer((request, response) => {
    const path = request.url ?? ''
    calls.set(path, (calls.get(path) ?? 0) + 1)
    void answerTo(request).then(([status, body]) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  return {
    issuer,
    answers,
    tokenCalls: () => tokenCalls,
    callsOf: (path) => calls.get(path) ?? 0,
    authorize(authorizeUrl) {
      const asked = new URL(authorizeUrl).searchParams
      const code = randomBytes(16).toString('hex')
      codes.set(code, {
        nonce: asked.get('nonce'),
        challenge: asked.get('code_challenge'),
        clientId: asked.get('client_id'),
      })
      const back = new URL(asked.get('redirect_uri') ?? '')
      back.searchParams.set('code', code)
      back.searchParams.set('state', asked.get('state') ?? '')
      if (asked.get('nonce') !== null) back.searchParams.set('iss', answers.issParameter ?? issuer)
      return back
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}
