import type { Context } from '../../core/context.ts'
import type { App } from '../../core/fastify.ts'
import { refusals } from '../../core/openapi/openapi.ts'
import { Ref } from '../../core/shapes/fields.ts'
import { claimDomain, type DomainDependencies, listDomains, removeDomain, verifyDomain } from './domains.ts'
import {
  DomainInput,
  DomainParams,
  OwnSettings,
  OwnSettingsChange,
  TenantDomain,
  TenantDomainList,
  TenantQuotas,
} from './schema.ts'
import { changeSettings, readSettings, type SettingDependencies } from './settings.ts'

export const ownTenantSchemas = [
  OwnSettings,
  OwnSettingsChange,
  TenantQuotas,
  TenantDomain,
  TenantDomainList,
  DomainInput,
]

export interface OwnTenantDependencies extends SettingDependencies, DomainDependencies {
  /** How much of the month's leads is spent. */
  readonly readLeadQuota: (context: Context) => Promise<{
    readonly period: string
    readonly used: number
    readonly limit: number | null
    readonly resetsAt: string
  }>
}

const reading = refusals(400, 401, 403, 429, 503)
const naming = refusals(400, 401, 403, 404, 409, 422, 429, 503)
const writing = refusals(400, 401, 403, 409, 413, 415, 422, 429, 503)
const read = { config: { access: 'settings:read' } } as const
const write = { config: { access: 'settings:write' } } as const

/** What a tenant sets for itself. */
export function ownTenantRoutes(app: App, dependencies: OwnTenantDependencies): void {
  app.get(
    '/tenant/settings',
    {
      schema: {
        operationId: 'readTenantSettings',
        summary: 'Read what is in force for the tenant',
        tags: ['tenant'],
        response: { 200: Ref(OwnSettings), ...reading },
      },
      ...read,
    },
    (request) => readSettings(request.context, dependencies),
  )

  app.patch(
    '/tenant/settings',
    {
      schema: {
        operationId: 'changeTenantSettings',
        summary: 'Change settings of the tenant, within what the installation allows',
        description:
          'In force at once, in every process. A shorter life holds for sessions that are there too. What is asked of passwords is asked of new ones.',
        tags: ['tenant'],
        body: Ref(OwnSettingsChange),
        response: { 200: Ref(OwnSettings), ...writing },
      },
      config: { access: 'settings:write', stepUp: true },
    },
    (request) => changeSettings(request.context, dependencies, request.body),
  )

  app.get(
    '/tenant/quotas',
    {
      schema: {
        operationId: 'readTenantQuotas',
        summary: 'Read how much of its quotas the tenant has used',
        tags: ['tenant'],
        response: { 200: Ref(TenantQuotas), ...reading },
      },
      ...read,
    },
    async (request) => ({
      items: [{ quota: 'leads' as const, ...(await dependencies.readLeadQuota(request.context)) }],
    }),
  )

  app.get(
    '/tenant/domains',
    {
      schema: {
        operationId: 'listTenantDomains',
        summary: 'List the domains of the tenant, proven and claimed',
        tags: ['tenant'],
        response: { 200: Ref(TenantDomainList), ...reading },
      },
      ...read,
    },
    (request) => listDomains(request.context),
  )

  app.post(
    '/tenant/domains',
    {
      schema: {
        operationId: 'claimTenantDomain',
        summary: 'Claim a domain, and learn how to prove it',
        description: 'It names the tenant once its DNS has the TXT record of `proof`, and that was verified.',
        tags: ['tenant'],
        body: Ref(DomainInput),
        response: { 201: Ref(TenantDomain), ...writing },
      },
      ...write,
    },
    async (request, reply) =>
      reply.code(201).send(await claimDomain(request.context, dependencies, request.body.domain)),
  )

  app.post(
    '/tenant/domains/:domain/verify',
    {
      schema: {
        operationId: 'verifyTenantDomain',
        summary: 'Look for the proof of a claim in the DNS',
        tags: ['tenant'],
        params: DomainParams,
        response: { 200: Ref(TenantDomain), ...naming },
      },
      ...write,
    },
    (request) => verifyDomain(request.context, dependencies, request.params.domain),
  )

  app.delete(
    '/tenant/domains/:domain',
    {
      schema: {
        operationId: 'removeTenantDomain',
        summary: 'Give a domain up, or a claim',
        tags: ['tenant'],
        params: DomainParams,
        response: { 204: { type: 'null', description: 'Given up.' }, ...naming },
      },
      ...write,
    },
    async (request, reply) => {
      await removeDomain(request.context, dependencies, request.params.domain)
      return reply.code(204).send(null)
    },
  )
}
