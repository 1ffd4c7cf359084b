import { appendAudit } from '../../core/audit/append.ts'
import type { Context } from '../../core/context.ts'
import { type KeyRing, seal } from '../../core/credentials/sealing.ts'
import { createId } from '../../core/ids.ts'
import { ProblemError } from '../../core/problem.ts'
import { redirectUri, secretAad } from './flow.ts'
import * as queries from './provider-queries.ts'
import type { IdentityProvider, IdentityProviderChange, IdentityProviderInput, IdentityProviders } from './schema.ts'

/** Providers of one tenant at most. */
const MOST_PROVIDERS = 20

export interface ProviderDependencies {
  readonly oauthRing: KeyRing
  readonly publicUrl: string
  /** Whether an issuer on this machine, over http, will do; for development. */
  readonly allowsHttp: boolean
}

export async function listProviders(
  { tenant, inTenant }: Context,
  { publicUrl }: ProviderDependencies,
): Promise<IdentityProviders> {
  const rows = await inTenant((tx) => queries.listProviders(tx, tenant.id))
  return { items: rows.map((row) => toProvider(row, publicUrl)) }
}

/**
 * Stores a provider. Nothing is asked of it before somebody signs in.
 *
 * @throws ProblemError `invalid-content` for an issuer that will not do; `provider-code-taken`; `provider-limit`.
 */
export function addProvider(
  context: Context,
  { oauthRing, publicUrl, allowsHttp }: ProviderDependencies,
  input: IdentityProviderInput,
): Promise<IdentityProvider> {
  const { tenant, inTenant } = context
  const issuer = issuerOf(input, allowsHttp)
  const id = createId()
  return inTenant(async (tx) => {
    const row = await queries.insertProvider(tx, {
      ...{ tenant_id: tenant.id, id, code: input.code, kind: input.kind, name: input.name, issuer },
      client_id: input.clientId,
      sealed_secret: seal(oauthRing, Buffer.from(input.clientSecret), secretAad(tenant.id, id)),
      is_enabled: input.isEnabled ?? true,
    })
    if (row === undefined) throw new ProblemError('provider-code-taken')
    await appendAudit(tx, context, {
      action: 'identity-provider.added',
      resource: { type: 'identity-provider', id },
      changes: { kind: input.kind, issuer, isEnabled: row.is_enabled },
    })
    // Whoever writes to the audit log waits for whoever did before: two at once cannot both be the last.
    if ((await queries.countProviders(tx, tenant.id)) > MOST_PROVIDERS) throw new ProblemError('provider-limit')
    return toProvider(row, publicUrl)
  })
}

/** Changes a provider; flows that are under way end. @throws ProblemError `oauth-provider-not-found`. */
export function changeProvider(
  context: Context,
  { oauthRing, publicUrl }: ProviderDependencies,
  id: string,
  { name, clientId, clientSecret, isEnabled }: IdentityProviderChange,
): Promise<IdentityProvider> {
  const { tenant, inTenant } = context
  const sealed =
    clientSecret === undefined ? undefined : seal(oauthRing, Buffer.from(clientSecret), secretAad(tenant.id, id))
  return inTenant(async (tx) => {
    const row = await queries.updateProvider(tx, tenant.id, id, {
      ...{ name, client_id: clientId, is_enabled: isEnabled },
      ...(sealed !== undefined && { sealed_secret: sealed }),
    })
    if (row === undefined) throw new ProblemError('oauth-provider-not-found')
    await appendAudit(tx, context, {
      action: 'identity-provider.changed',
      resource: { type: 'identity-provider', id },
      changes: { isEnabled, hasNewSecret: sealed !== undefined },
    })
    return toProvider(row, publicUrl)
  })
}

/** Takes a provider away, with every link to it. @throws ProblemError `oauth-provider-not-found`. */
export function removeProvider(context: Context, id: string): Promise<void> {
  return context.inTenant(async (tx) => {
    if (!(await queries.deleteProvider(tx, context.tenant.id, id))) throw new ProblemError('oauth-provider-not-found')
    const resource = { type: 'identity-provider', id }
    await appendAudit(tx, context, { action: 'identity-provider.removed', resource })
  })
}

function issuerOf({ kind, issuer }: IdentityProviderInput, allowsHttp: boolean): string | null {
  if (kind === 'github') {
    if (issuer !== undefined) throw issuerFault('has no place with GitHub')
    return null
  }
  const url = issuer === undefined ? null : URL.parse(issuer)
  const isWeb = url?.protocol === 'https:' || (allowsHttp && url?.protocol === 'http:')
  // OpenID Connect Discovery §3: neither query nor fragment. Credentials have no place in an identifier.
  const isPlain = url?.search === '' && url.hash === '' && url.username === '' && url.password === ''
  if (issuer === undefined || !isWeb || !isPlain) throw issuerFault('must be an https address without a query')
  return issuer
}

const issuerFault = (message: string): ProblemError =>
  new ProblemError('invalid-content', { errors: [{ pointer: '/issuer', code: 'issuer', message }] })

type Row = Awaited<ReturnType<typeof queries.listProviders>>[number]

function toProvider(row: Row, publicUrl: string): IdentityProvider {
  return {
    id: row.id,
    code: row.code,
    // The column has a check constraint with exactly these values.
    kind: row.kind as IdentityProvider['kind'],
    name: row.name,
    issuer: row.issuer,
    clientId: row.client_id,
    isEnabled: row.is_enabled,
    redirectUri: redirectUri(publicUrl, row.code),
    version: row.version,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  }
}
