import type { FastifyRequest } from 'fastify'
import { appendAudit } from '../audit/append.ts'
import { assertOwnPage } from '../browser/csrf.ts'
import type { Actor, Context } from '../context.ts'
import type { App } from '../fastify.ts'
import { ProblemError } from '../problem.ts'
import {
  agreedTenant,
  createUsualKey,
  findNamedTenant,
  type NamedTenantDependencies,
  namedKeys,
  publicKeys,
} from '../tenant/named.ts'
import type { Tenant } from '../tenant/resolver.ts'
import type { Access, Scope } from './access.ts'
import { isApiKeyToken } from './api-key-token.ts'
import { type Authenticated, authenticateApiKey, type Credential, credentialOf } from './auth.ts'
import { authoriseKey, authorisePerson } from './authorise.ts'
import { enterByGrant } from './operator-grant.ts'
import { authenticatePerson, type PersonDependencies } from './person.ts'
import { contextOf, publicActor, type RequestContextDependencies } from './request-context.ts'

export interface IdentifyDependencies extends PersonDependencies, RequestContextDependencies, NamedTenantDependencies {
  /** Whether a browser origin is one that acts for every tenant: the public URL's, and those of the configuration. */
  readonly isOwnOrigin: (origin: string) => boolean
}

/** A body that is here by then is judged by what was found before it was read. */
const promptMs = 1_000

/**
 * Gives each request its context: the tenant it is for and who acts, or a refusal before the body is read.
 * Answers at once when the tenant is in memory, so that the public path waits for nothing.
 *
 * Who acts is asked again when the body has taken its time: whoever holds one back would else act with a session, a key
 * or a right for as long as a request may take after it has ended.
 */
export function installIdentification(app: App, dependencies: IdentifyDependencies): void {
  const { tenants } = dependencies
  const usualKey = createUsualKey(dependencies)
  app.decorateRequest('namesTenant', false)
  app.decorateRequest('identifiedAtMs', null)
  app.addHook('onRequest', (request, reply, done) => {
    const { access, tenantOfForm } = request.route
    if (access === undefined || access === 'none') return done()
    const scope = neededOf(request)
    if (scope !== undefined) {
      // What somebody may read with a credential is for them alone, refusals included.
      reply.header('cache-control', 'no-store')
      return void identifyActor(request, scope, dependencies).then(() => done(), done)
    }
    const key = usualKey(request, tenantOfForm === true)
    const tenant = key && tenants.peek(key)
    if (!tenant) return identifyPublic(request, dependencies, done)
    setContext(request, tenant, publicActor, dependencies)
    done()
  })
  app.addHook('preValidation', (request, _reply, done) => {
    const { identifiedAtMs } = request
    if (identifiedAtMs === null || dependencies.clock.now() - identifiedAtMs < promptMs) return done()
    const needed = neededOf(request)
    if (needed === undefined) return done()
    void identifyActor(request, needed, dependencies).then(() => done(), done)
  })
}

type Needed = Exclude<Access, 'public' | 'none'>

/** What whoever acts has to hold; undefined where nobody has to be anybody. */
function neededOf(request: FastifyRequest): Needed | undefined {
  const { access } = request.route
  if (access === 'public') return scopeOfCredential(request)
  return access === 'none' ? undefined : access
}

/** The scope that the credential of a public call has to carry; undefined where none was sent, or none says anything. */
function scopeOfCredential({ headers, route }: FastifyRequest): Scope | undefined {
  if (route.keyScope === undefined) return undefined
  return headers.authorization === undefined && headers['x-api-key'] === undefined ? undefined : route.keyScope
}

function identifyPublic(
  request: FastifyRequest,
  dependencies: IdentifyDependencies,
  done: (error?: Error) => void,
): void {
  const { headers, query, params } = request
  const tenantOfForm = request.route.tenantOfForm === true
  request.namesTenant = namedKeys({ headers, query }, dependencies).length > 0
  const keys = publicKeys({ headers, query, params, tenantOfForm }, dependencies)
  const known = keys.map((key) => dependencies.tenants.peek(key))
  if (known.every((tenant) => tenant !== undefined)) settle(known)
  else Promise.all(keys.map((key) => dependencies.tenants.find(key))).then(settle, done)

  function settle(found: readonly (Tenant | null)[]): void {
    let refusal: Error | undefined
    try {
      setContext(request, agreedTenant(keys, found), publicActor, dependencies)
    } catch (error) {
      refusal = error instanceof Error ? error : new Error('identification failed')
    }
    done(refusal)
  }
}

async function identifyActor(
  request: FastifyRequest,
  access: Needed,
  dependencies: IdentifyDependencies,
): Promise<void> {
  const credential = credentialOf(request)
  if (credential === undefined) {
    throw new ProblemError('authentication-required', { headers: { 'www-authenticate': 'Bearer' } })
  }
  const { tenantId, actor } = await authenticate(credential, request.client.text, dependencies).catch(
    (error: unknown) => {
      if (error instanceof ProblemError && error.options.caller) request.caller = error.options.caller
      throw error
    },
  )
  // From the answer on: a database that is slow under load is not to be asked everything twice.
  request.identifiedAtMs = dependencies.clock.now()
  request.caller = { tenantId, id: actor.id }
  if (actor.kind === 'api-key') request.keyInUse = { tenantId, keyId: actor.id }
  const tenant = await dependencies.tenants.find({ kind: 'id', value: tenantId })
  if (tenant === null) throw new ProblemError('tenant-suspended')
  if (credential.from === 'cookie') {
    assertOwnPage(request, (origin) => dependencies.isOwnOrigin(origin) || tenant.allowedOrigins.includes(origin))
  }
  if (!(await namesNoOther(request, tenantId, dependencies))) {
    return enterAnother(request, contextOf(request, tenant, actor, dependencies), access, dependencies)
  }
  if (actor.kind === 'user') authorisePerson(actor, access, request.route, dependencies.clock.now())
  else authoriseKey(actor.scopes, access)
  setContext(request, tenant, actor, dependencies)
}

/** A credential is for its own tenant. Only a person of the platform enters another one, by a grant. */
async function enterAnother(
  request: FastifyRequest,
  home: Context,
  access: Needed,
  dependencies: IdentifyDependencies,
): Promise<void> {
  const target = await findNamedTenant(dependencies.tenants, namedKeys(request, dependencies))
  const { actor: person } = home
  const operator =
    target !== null && person.kind === 'user'
      ? await enterByGrant(dependencies.pool, { request, person, home, target, access })
      : undefined
  if (target === null || operator === undefined) {
    await home.inTenant((tx) => appendAudit(tx, home, { action: 'credential.tenant-conflict', outcome: 'refused' }))
    throw new ProblemError('tenant-conflict')
  }
  setContext(request, target, operator, dependencies)
}

function authenticate(
  credential: Credential,
  address: string,
  dependencies: IdentifyDependencies,
): Promise<Authenticated> {
  const { clock } = dependencies
  const isKey =
    credential.from === 'api-key' || (credential.from === 'authorization' && isApiKeyToken(credential.token))
  return isKey
    ? authenticateApiKey(dependencies, credential.token, address, clock.now())
    : authenticatePerson(credential, dependencies)
}

/** Whether the tenant that the request names, if any, is the credential's own; the other one may exist or not. */
async function namesNoOther(
  request: FastifyRequest,
  tenantId: string,
  dependencies: IdentifyDependencies,
): Promise<boolean> {
  for (const key of namedKeys(request, dependencies)) {
    const named = await dependencies.tenants.find(key)
    if (named === null && key.kind === 'domain') throw new ProblemError('untrusted-host')
    if (named?.id !== tenantId) return false
  }
  return true
}

function setContext(request: FastifyRequest, tenant: Tenant, actor: Actor, dependencies: IdentifyDependencies): void {
  request.context = contextOf(request, tenant, actor, dependencies)
}
