import { LRUCache } from 'lru-cache'
import * as openid from 'openid-client'
import type { PublicFetch } from '../../core/outbound/public-fetch.ts'
import { ProblemError } from '../../core/problem.ts'

/** A provider as it is asked. */
export interface Provider {
  readonly tenantId: string
  readonly id: string
  readonly version: number
  readonly kind: 'oidc' | 'github'
  /** Null for GitHub. */
  readonly issuer: string | null
  readonly clientId: string
  readonly clientSecret: string
}

/** Whom a provider says somebody is. */
export interface Identity {
  readonly iss: string
  readonly sub: string
  /** As the provider wrote it; undefined when it tells none. */
  readonly email: string | undefined
  readonly isEmailVerified: boolean
}

/** What a flow is bound to, besides the browser. */
export interface FlowSecrets {
  readonly state: string
  readonly nonce: string
  /** RFC 7636. */
  readonly verifier: string
}

/** How providers are spoken to. */
export interface IdentityClient {
  /** @throws ProblemError `oauth-provider-unavailable`. */
  authorizeUrl(provider: Provider, redirectUri: string, flow: FlowSecrets): Promise<string>
  /**
   * Exchanges the code of an answer.
   *
   * @param answer - the callback's whole address.
   * @throws ProblemError `oauth-refused`, `oauth-provider-unavailable`.
   */
  identify(provider: Provider, answer: URL, flow: FlowSecrets): Promise<Identity>
}

/** Where GitHub is: it speaks OAuth 2.0 without a discovery document or ID tokens. */
export interface GitHubUrls {
  readonly web: string
  readonly api: string
}

const metadataMinutes = 10

interface Known {
  readonly version: number
  readonly configuration: Promise<openid.Configuration>
}

export function createIdentityClient(options: {
  readonly fetch: PublicFetch
  readonly github: GitHubUrls
  readonly allowsHttp: boolean
}): IdentityClient {
  const { fetch, github, allowsHttp } = options
  // One for each provider, whatever its version: what is kept is a provider's writing, and staff change it as they like.
  const known = new LRUCache<string, Known>({ max: 500, ttl: metadataMinutes * 60_000 })
  const insecure = allowsHttp ? [openid.allowInsecureRequests] : []

  function configurationOf(provider: Provider): Promise<openid.Configuration> {
    const { version } = provider
    const key = `${provider.tenantId}:${provider.id}`
    const kept = known.get(key)
    if (kept?.version === version) return kept.configuration
    const configuration = discover(provider).catch((error: unknown) => {
      if (known.peek(key)?.configuration === configuration) known.delete(key)
      throw new ProblemError('oauth-provider-unavailable', { reason: codeOf(error) })
    })
    known.set(key, { version, configuration })
    return configuration
  }

  async function discover({ kind, issuer, clientId, clientSecret }: Provider): Promise<openid.Configuration> {
    const authentication = secretOf(clientSecret)
    if (kind === 'github' || issuer === null) {
      const configuration = new openid.Configuration(githubMetadata(github), clientId, {}, authentication)
      configuration[openid.customFetch] = fetch
      for (const allow of insecure) allow(configuration)
      return configuration
    }
    const configuration = await openid.discovery(new URL(issuer), clientId, {}, authentication, {
      [openid.customFetch]: fetch,
      // The signature is checked although the token comes straight from the provider.
      execute: [openid.enableNonRepudiationChecks, ...insecure],
    })
    assertWeb(configuration.serverMetadata().authorization_endpoint)
    return configuration
  }

  /** A page goes where this leads: a script of a provider's making would run in it. */
  function assertWeb(endpoint: unknown): void {
    const protocol = typeof endpoint === 'string' ? URL.parse(endpoint)?.protocol : undefined
    if (protocol !== 'https:' && !(allowsHttp && protocol === 'http:'))
      throw new Error('no address to send browsers to')
  }

  return {
    async authorizeUrl(provider, redirectUri, { state, nonce, verifier }) {
      const configuration = await configurationOf(provider)
      const challenge = await openid.calculatePKCECodeChallenge(verifier)
      return openid.buildAuthorizationUrl(configuration, {
        redirect_uri: redirectUri,
        response_type: 'code',
        state,
        code_challenge: challenge,
        code_challenge_method: 'S256',
        ...(provider.kind === 'github' ? { scope: 'read:user user:email' } : { scope: 'openid email', nonce }),
      }).href
    },
    async identify(provider, answer, flow) {
      const configuration = await configurationOf(provider)
      try {
        return provider.kind === 'github'
          ? await identifyAtGitHub(configuration, answer, flow, github)
          : await identifyWithToken(configuration, answer, flow)
      } catch (error) {
        throw new ProblemError('oauth-refused', { reason: codeOf(error) })
      }
    },
  }
}

async function identifyWithToken(
  configuration: openid.Configuration,
  answer: URL,
  { state, nonce, verifier }: FlowSecrets,
): Promise<Identity> {
  const tokens = await openid.authorizationCodeGrant(configuration, answer, {
    expectedState: state,
    expectedNonce: nonce,
    pkceCodeVerifier: verifier,
    idTokenExpected: true,
  })
  const claims = tokens.claims()
  if (claims === undefined) throw new Error('no ID token')
  const { iss, sub } = claims
  if (!isSubject(sub)) throw new Error('no subject')
  const told =
    claims['email'] === undefined && configuration.serverMetadata().userinfo_endpoint !== undefined
      ? await openid.fetchUserInfo(configuration, tokens.access_token, sub)
      : claims
  const email = told['email']
  return {
    iss,
    sub,
    email: typeof email === 'string' ? email : undefined,
    isEmailVerified: told['email_verified'] === true,
  }
}

/** OpenID Connect Core §2: 255 characters at most. What no table holds names nobody. */
const isSubject = (sub: string): boolean =>
  sub.length >= 1 && sub.length <= 255 && sub.isWellFormed() && !/\p{Cc}/u.test(sub)

async function identifyAtGitHub(
  configuration: openid.Configuration,
  answer: URL,
  { state, verifier }: FlowSecrets,
  { web, api }: GitHubUrls,
): Promise<Identity> {
  const checks = { expectedState: state, pkceCodeVerifier: verifier }
  const { access_token: token } = await openid.authorizationCodeGrant(configuration, answer, checks)
  const read = async (path: string): Promise<unknown> => {
    const headers = new Headers({ accept: 'application/vnd.github+json', 'user-agent': 'rempart' })
    const found = await openid.fetchProtectedResource(configuration, token, new URL(api + path), 'GET', null, headers)
    if (found.status !== 200) throw new Error('the API answered with an error')
    return await found.json()
  }
  const { id } = Object(await read('/user')) as { readonly id?: unknown }
  if (typeof id !== 'number' || !Number.isSafeInteger(id)) throw new Error('no id')
  const addresses = await read('/user/emails')
  const primary = (Array.isArray(addresses) ? addresses : []).map(Object).find((entry) => entry.primary === true)
  return {
    iss: web,
    sub: String(id),
    email: typeof primary?.email === 'string' ? primary.email : undefined,
    isEmailVerified: primary?.verified === true,
  }
}

const githubMetadata = ({ web }: GitHubUrls): openid.ServerMetadata => ({
  issuer: web,
  authorization_endpoint: `${web}/login/oauth/authorize`,
  token_endpoint: `${web}/login/oauth/access_token`,
  token_endpoint_auth_methods_supported: ['client_secret_post'],
})

/** As the provider takes it: in the body where it says so, else in the field that every one has to take. */
function secretOf(secret: string): openid.ClientAuth {
  const post = openid.ClientSecretPost(secret)
  const basic = openid.ClientSecretBasic(secret)
  return (server, client, body, headers) => {
    const isPost = server.token_endpoint_auth_methods_supported?.includes('client_secret_post')
    return (isPost ? post : basic)(server, client, body, headers)
  }
}

/** Why it failed, for the log line: never what a provider wrote. */
function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' && /^[A-Z_0-9]{1,64}$/.test(code) ? code : 'oauth-failed'
}
