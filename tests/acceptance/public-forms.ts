import { createRenderTokens } from '../../packages/server/src/core/challenge/render-token.ts'
import { deriveKey, keyLabels } from '../../packages/server/src/core/secrets.ts'
import type { Pool } from '../../packages/server/src/database/connect.ts'
import { createApiKey } from '../../packages/server/src/modules/api-keys/service.ts'
import type { FormDefinition } from '../../packages/server/src/modules/forms/definition/schema.ts'
import { createTenant, type NewTenant } from '../../packages/server/src/modules/tenants/service.ts'
import type { Answer } from '../support/http-client.ts'
import type { PublicCall, Visitor, Visitors } from './visitors.ts'

/** A tenant whose staff works through the API with a key. */
export interface Organisation {
  readonly id: string
  /** Calls a staff route, each time from another address. */
  staff(path: string, call?: PublicCall): Promise<Answer>
  /** Publishes a form as staff does. Without `protection`: the product's defaults. */
  publish(slug: string, change?: Partial<FormDefinition>): Promise<PublicForm>
  /** What staff sees of the quota. */
  quota(): Promise<Record<string, unknown>>
}

/** A published form, as visitors meet it. */
export interface PublicForm {
  readonly id: string
  readonly slug: string
  show(visitor: Visitor, call?: PublicCall): Promise<Answer>
  evaluate(visitor: Visitor, body: object, headers?: PublicCall['headers']): Promise<Answer>
  submit(visitor: Visitor, body: object, headers?: PublicCall['headers']): Promise<Answer>
  /** A render token of this form, as if it had been shown so long ago. */
  tokenAged(seconds: number, secret?: string): string
  /** Staff's list of what was stored, newest first. */
  leads(): Promise<readonly Lead[]>
}

export interface Lead {
  readonly id: string
  readonly email: string
  readonly data: Readonly<Record<string, unknown>>
  readonly score: number | null
  readonly outcome: string | null
}

/** What the server signs render tokens with. */
export const SECRET_KEY = 'h8Kq2vXw0ZtR5nYc7LbD1sMf4GjUe9PaTx3iVoN6yQk='

/** A quote for a site or a shop: a conditional field, a score and an outcome. */
const DEFINITION: FormDefinition = {
  title: { en: 'Ask for a quote', fr: 'Demander un devis' },
  fields: [
    { type: 'text', name: 'who', label: { en: 'Name', fr: 'Nom' }, required: true, minLength: 2 },
    {
      type: 'choice',
      name: 'need',
      label: { en: 'You need', fr: 'Il vous faut' },
      required: true,
      choices: [
        { value: 'site', label: { en: 'A site', fr: 'Un site' }, score: 10 },
        { value: 'shop', label: { en: 'A shop', fr: 'Une boutique' }, score: 25 },
      ],
    },
    {
      type: 'number',
      name: 'products',
      label: { en: 'Products', fr: 'Produits' },
      required: true,
      min: 1,
      integer: true,
      showWhen: { all: [{ field: 'need', op: 'equals', value: 'shop' }] },
    },
    { type: 'text', name: 'site', label: { en: 'Your site', fr: 'Votre site' } },
  ],
  scoring: { rules: [{ when: { all: [{ field: 'products', op: 'atLeast', value: 500 }] }, points: 10 }] },
  outcomes: [{ id: 'hot', when: { minScore: 30 } }, { id: 'warm' }],
  exposeScore: true,
}

/** Makes a tenant with a key for its staff. */
export async function openOrganisation(
  pool: Pool,
  visitors: Visitors,
  tenant: Pick<NewTenant, 'maxLeadsPerMonth' | 'timeZone'> = {},
): Promise<Organisation> {
  organisations += 1
  const id = await createTenant(pool, { slug: `organisation-${organisations}`, name: 'Test', ...tenant })
  const { token } = await createApiKey(pool, id, { name: 's', scopes: ['forms:read', 'forms:write', 'leads:read'] })
  const staff: Organisation['staff'] = (path, call = {}) =>
    visitors.next()(path, { ...call, headers: { authorization: `Bearer ${token}`, ...call.headers } })
  return {
    id,
    staff,
    async quota() {
      return (await staff('/api/v1/leads/quota')).json()
    },
    async publish(slug, change) {
      const made = await staff('/api/v1/forms', {
        json: { slug, name: slug, definition: { ...DEFINITION, ...change } },
      })
      const formId = String(made.json()['id'])
      const published = await staff(`/api/v1/forms/${formId}/publish`, { json: {} })
      if (published.status !== 200) throw new Error(`not published: ${made.text} ${published.text}`)
      return publicForm({ tenantId: id, id: formId, slug }, staff)
    },
  }
}
let organisations = 0

function publicForm(
  { tenantId, id, slug }: { readonly tenantId: string; readonly id: string; readonly slug: string },
  staff: Organisation['staff'],
): PublicForm {
  const named = (call: PublicCall): PublicCall => ({ ...call, headers: { 'x-tenant-id': tenantId, ...call.headers } })
  const post = (visitor: Visitor, path: string, json: object, headers: PublicCall['headers'] = {}) =>
    visitor(path, named({ json, headers }))
  return {
    id,
    slug,
    show: (visitor, call = {}) => visitor(`/api/v1/forms/public/${slug}`, named(call)),
    evaluate: (visitor, body, headers) => post(visitor, `/api/v1/forms/public/${slug}/evaluate`, body, headers),
    submit: (visitor, body, headers) => post(visitor, `/api/v1/leads/forms/${id}/submit`, body, headers),
    tokenAged: (seconds, secret = SECRET_KEY) =>
      createRenderTokens(deriveKey(Buffer.from(secret), keyLabels.renderToken)).issue(
        { tenantId, formId: id },
        Date.now() - Math.round(seconds * 1_000),
      ),
    async leads() {
      const page = await staff(`/api/v1/leads?formId=${id}&pageSize=100`)
      return page.json()['items'] as readonly Lead[]
    },
  }
}
