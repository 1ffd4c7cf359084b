import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { RemoteStore, Store } from '@rempart/guard'
import fastify from 'fastify'
import type { Logger } from 'pino'
import type { Config } from './config.ts'
import { installIdentification } from './core/access/identify.ts'
import { createRefusedContext } from './core/access/request-context.ts'
import { createAnswerBlocks } from './core/answer/answer-blocks.ts'
import { installCompression } from './core/answer/compression.ts'
import { installErrorHandling, routeOf, sendProblem } from './core/answer/errors.ts'
import { createSerializerCompiler } from './core/answer/serialization.ts'
import { createHeadSigner } from './core/audit/heads.ts'
import { installRequestBodies } from './core/body/request-body.ts'
import { createValidatorCompiler } from './core/body/validation.ts'
import { installCors } from './core/browser/cors.ts'
import { createKnownOrigins } from './core/browser/known-origins.ts'
import { clientAccount, createFormBursts } from './core/challenge/form-bursts.ts'
import { createChallenges } from './core/challenge/proof-of-work.ts'
import { createRenderTokens } from './core/challenge/render-token.ts'
import type { Clock } from './core/context.ts'
import { createKeyRing } from './core/credentials/sealing.ts'
import type { App } from './core/fastify.ts'
import { installGuard } from './core/guard/guard.ts'
import { createSubjectReader, requestOf } from './core/guard/subjects.ts'
import { startLockNotices } from './core/identity/lock-notices.ts'
import { secondFactors } from './core/identity/second-factors.ts'
import { createSessionCheck } from './core/identity/session-check.ts'
import { createFingerprintPrefix } from './core/logging/fingerprint-prefix.ts'
import { createMailKeys } from './core/mail/sealed-mail.ts'
import type { Metrics } from './core/metrics/metrics.ts'
import { docsRoutes } from './core/openapi/docs.ts'
import { installOpenApi } from './core/openapi/openapi.ts'
import { createOutbounds } from './core/outbound/outbound.ts'
import { createReceiptSigner } from './core/privacy/receipt.ts'
import { openReputation } from './core/reputation/reputation.ts'
import { installLifecycle } from './core/request/lifecycle.ts'
import { installUnmatched } from './core/request/method-not-allowed.ts'
import { installProtocol, protocolOptions } from './core/request/protocol.ts'
import { collectRoutes } from './core/request/route-table.ts'
import { compileTrustedHosts } from './core/request/trusted-hosts.ts'
import { deriveKey, deriveKeys, keyLabels, mastersOf } from './core/secrets.ts'
import type { TenantFeed } from './core/tenant/feed.ts'
import { createPreflightTenant, createTenantNames, findNamedTenant } from './core/tenant/named.ts'
import { createTenantPolicies } from './core/tenant/policies.ts'
import type { TenantResolver } from './core/tenant/resolver.ts'
import { createAccessTokens } from './core/tokens/access-token.ts'
import { createSigningKeys, type SigningKeys } from './core/tokens/signing-keys.ts'
import type { Pool } from './database/connect.ts'
import { createTenantReads } from './database/reads.ts'
import { createIdentityParts } from './identity-parts.ts'
import { accountRoutes } from './modules/account/routes.ts'
import { apiKeyRoutes, apiKeySchemas } from './modules/api-keys/routes.ts'
import { installKeyUsage } from './modules/api-keys/usage.ts'
import { auditRoutes, auditSchemas } from './modules/audit/routes.ts'
import {
  clientPolicy,
  loginPolicy,
  passwordCheckPolicy,
  refreshPolicy,
  verifyTokenPolicy,
} from './modules/auth/policy.ts'
import { authRoutes } from './modules/auth/routes.ts'
import { authSchemas } from './modules/auth/schema.ts'
import { contactPolicy } from './modules/contact/policy.ts'
import { contactRoutes, contactSchemas } from './modules/contact/routes.ts'
import { createContactIntake } from './modules/contact/service.ts'
import { emailChangePolicy, emailLinkPolicy } from './modules/email-change/policy.ts'
import { emailChangeRoutes, emailChangeSchemas } from './modules/email-change/routes.ts'
import { hostedFormRoutes } from './modules/forms/hosted/routes.ts'
import { formEvaluatePolicy, formViewPolicy } from './modules/forms/policy.ts'
import { createPublishedForms } from './modules/forms/public.ts'
import { publicFormRoutes, publicFormSchemas } from './modules/forms/public-routes.ts'
import { formRoutes, formSchemas } from './modules/forms/routes.ts'
import { gateRegisterPolicy } from './modules/gates/policy.ts'
import { createGateIntake } from './modules/gates/register.ts'
import { registerRoutes, registerSchemas } from './modules/gates/register-routes.ts'
import { gateRoutes, gateSchemas } from './modules/gates/routes.ts'
import { healthRoutes, healthSchemas } from './modules/health/routes.ts'
import type { RedisHealth } from './modules/health/service.ts'
import { issueOwnerLink } from './modules/invitations/bootstrap.ts'
import { invitationAcceptPolicy } from './modules/invitations/policy.ts'
import { invitationRoutes, invitationSchemas } from './modules/invitations/routes.ts'
import { wellKnownRoutes } from './modules/keys/routes.ts'
import { createLeadIntake } from './modules/leads/intake.ts'
import { leadSubmitPolicy } from './modules/leads/policy.ts'
import { leadRoutes, leadSchemas } from './modules/leads/routes.ts'
import { readLeadQuota } from './modules/leads/service.ts'
import { submitRoutes, submitSchemas } from './modules/leads/submit-routes.ts'
import { submitForm } from './modules/leads/submit-service.ts'
import { metricsPolicy } from './modules/metrics/policy.ts'
import { metricsRoutes } from './modules/metrics/routes.ts'
import { factorSignInRoutes } from './modules/mfa/auth-routes.ts'
import { mfaResetPolicy, mfaResetUsePolicy, mfaVerifyPolicy } from './modules/mfa/policy.ts'
import { factorResetRoutes } from './modules/mfa/reset-routes.ts'
import { mfaRoutes } from './modules/mfa/routes.ts'
import { mfaSchemas } from './modules/mfa/schema.ts'
import { createIdentityClient } from './modules/oauth/identity.ts'
import { oauthFinishPolicy, oauthStartPolicy } from './modules/oauth/policy.ts'
import { identityProviderRoutes } from './modules/oauth/provider-routes.ts'
import { oauthRoutes, oauthSchemas } from './modules/oauth/routes.ts'
import { passkeyChallengePolicy, passkeySignInPolicy } from './modules/passkeys/policy.ts'
import { passkeyRoutes } from './modules/passkeys/routes.ts'
import { passkeySchemas } from './modules/passkeys/schema.ts'
import { passkeySignInRoutes } from './modules/passkeys/sign-in-routes.ts'
import { resetRequestPolicy, resetUsePolicy } from './modules/password-reset/policy.ts'
import { passwordResetRoutes, passwordResetSchemas } from './modules/password-reset/routes.ts'
import { policyRoutes, policySchemas } from './modules/policies/routes.ts'
import { exportPolicy } from './modules/privacy/policy.ts'
import { privacyRequestRoutes, privacyRequestSchemas } from './modules/privacy/request-routes.ts'
import { privacyRoutes, privacySchemas } from './modules/privacy/routes.ts'
import { registerPolicy, verifyEmailPolicy } from './modules/registration/policy.ts'
import { registrationRoutes, registrationSchemas } from './modules/registration/routes.ts'
import { resourceListPolicy, resourceReadPolicy } from './modules/resources/policy.ts'
import { resourceRoutes, resourceSchemas } from './modules/resources/routes.ts'
import { roleRoutes, roleSchemas } from './modules/roles/routes.ts'
import { createEventRecorder } from './modules/security-events/recorder.ts'
import { securityEventRoutes, securityEventSchemas } from './modules/security-events/routes.ts'
import { startEventWriter } from './modules/security-events/writer.ts'
import { sessionLinkPolicy } from './modules/sessions/policy.ts'
import { sessionRoutes, sessionSchemas } from './modules/sessions/routes.ts'
import { staffSessionRoutes, staffSessionSchemas } from './modules/sessions/staff-routes.ts'
import { createTxtReader } from './modules/tenants/domain-proof.ts'
import { ownTenantRoutes, ownTenantSchemas } from './modules/tenants/own-routes.ts'
import { platformRoutes, platformSchemas } from './modules/tenants/platform-routes.ts'
import { userRoutes, userSchemas } from './modules/users/routes.ts'
import { webhookDeliveryRoutes } from './modules/webhooks/delivery-routes.ts'
import { webhookRoutes, webhookSchemas } from './modules/webhooks/routes.ts'

/** Everything the server is built from. Nothing is read from the environment below this line. */
export interface ServerDependencies {
  readonly config: Config
  readonly secretKey: string
  readonly pool: Pool
  readonly tenants: TenantResolver
  readonly store: Store | RemoteStore
  /** How the guard's Redis is; absent without one. */
  readonly redis?: () => Promise<RedisHealth>
  /** The parsed policy file, when there is one. */
  readonly policyFile: unknown
  /** What is heard of tenants; absent: policies of each are looked up, and what is remembered is soon read anew. */
  readonly tenantFeed?: Pick<TenantFeed, 'any' | 'changed' | 'follow' | 'hears'>
  /** The keys of access tokens; absent: read when the first is asked for, and followed by nothing. */
  readonly signingKeys?: SigningKeys
  readonly metrics: Metrics
  readonly log: Logger
  readonly clock: Clock
  /** Monotonic milliseconds, for the guard. */
  readonly nowMs: () => number
  readonly version: string
  readonly isStopping: () => boolean
}

/**
 * Builds the server: the table of contents of what it does. It does not listen yet.
 *
 * @param ownRoutes - adds routes of yours under `/api/v1`, behind the same protections; each says its `access`.
 * @throws PolicyError when the policy file has a fault, ReputationListError when a list cannot be read; an Error when a
 * route does not say who may call it.
 */
export async function buildServer(
  dependencies: ServerDependencies,
  ownRoutes: (api: App) => void = () => {},
): Promise<App> {
  const { config, log, clock, metrics, pool } = dependencies
  const masters = mastersOf(dependencies.secretKey, config.previousSecretKeys)
  const master = masters.current
  const schemas = [
    ...healthSchemas,
    ...contactSchemas,
    ...publicFormSchemas,
    ...formSchemas,
    ...submitSchemas,
    ...leadSchemas,
    ...resourceSchemas,
    ...registerSchemas,
    ...gateSchemas,
    ...securityEventSchemas,
    ...policySchemas,
    ...authSchemas,
    ...auditSchemas,
    ...sessionSchemas,
    ...staffSessionSchemas,
    ...apiKeySchemas,
    ...mfaSchemas,
    ...passkeySchemas,
    ...registrationSchemas,
    ...passwordResetSchemas,
    ...oauthSchemas,
    ...userSchemas,
    ...emailChangeSchemas,
    ...roleSchemas,
    ...invitationSchemas,
    ...platformSchemas,
    ...ownTenantSchemas,
    ...webhookSchemas,
    ...privacySchemas,
    ...privacyRequestSchemas,
  ]
  const protocol = { config, clock, metrics }
  const app: App = fastify({ ...protocolOptions(protocol), logger: false }).withTypeProvider<TypeBoxTypeProvider>()

  installProtocol(app, protocol)
  installErrorHandling(app, log, clock)
  app.setValidatorCompiler(createValidatorCompiler(schemas))
  app.setSerializerCompiler(createSerializerCompiler(schemas))
  assertEveryRouteSaysWho(app)

  const routes = collectRoutes(app)
  const ownOrigins = new Set([new URL(config.publicUrl).origin, ...config.allowedOrigins])
  const signingKeys = dependencies.signingKeys ?? createSigningKeys({ pool, masters, log })
  const ownUrl = { issuer: config.publicUrl, audience: config.publicUrl }
  const accessTokens = createAccessTokens({ ...ownUrl, keys: signingKeys, clock })
  const outbound = createOutbounds(metrics.registry)
  const identity = createIdentityParts({ config, masters, clock, accessTokens, outbound })
  const identification = {
    pool,
    reads: createTenantReads(pool),
    tenants: dependencies.tenants,
    isOwnHost: compileTrustedHosts(ownHosts(config)),
    isOwnOrigin: (origin: string) => ownOrigins.has(origin),
    verifyAccessToken: accessTokens.verify,
    checkSession: createSessionCheck(pool),
    defaultTenant: config.defaultTenant,
    auditRing: createKeyRing(masters, keyLabels.auditSubjects),
    clock,
    log,
  }
  const tenantKeeping = { onTenantChanged: (tenantId: string) => dependencies.tenants.forget(tenantId) }
  installKeyUsage(app, { pool, clock, log })
  const blocks = createAnswerBlocks(config)
  const fingerprintSecret = deriveKey(master, keyLabels.fingerprint)
  const reputation = await openReputation({ config, log, registry: metrics.registry, clock, outbound })
  app.addHook('onClose', async () => reputation?.close())
  installLifecycle(app, {
    config,
    blocks,
    log,
    metrics,
    clock,
    fingerprintPrefix: createFingerprintPrefix(fingerprintSecret, clock),
  })
  const origins = createKnownOrigins(pool, () => clock.now())
  const answerPreflight = installCors(app, {
    config,
    knownOrigins: origins,
    tenantOf: createPreflightTenant(identification),
  })
  const namesOf = createTenantNames(identification)
  const tenantPolicies = createTenantPolicies({
    tenants: dependencies.tenants,
    namesOf,
    anyOverrides: () => dependencies.tenantFeed?.any() ?? true,
    factor: config.tenantLimitFactor,
    log,
  })
  const events = createEventRecorder({
    registry: metrics.registry,
    requestOf,
    routeOf,
    namesOf,
  })
  const eventWriter = startEventWriter({
    pool,
    recorder: events,
    tenantOf: async ({ names }) => (await findNamedTenant(dependencies.tenants, names))?.id ?? null,
    log,
  })
  app.decorate('eventWriter', eventWriter)
  app.addHook('onClose', () => eventWriter.stop())
  const lockNotices = startLockNotices({
    ...{ pool, clock, log, mail: identity.mail },
    passwordPolicies: [loginPolicy.id, passwordCheckPolicy.id],
    requestOf,
  })
  app.decorate('lockNotices', lockNotices)
  app.addHook('onClose', () => lockNotices.stop())
  const hearBurst = createFormBursts({
    formPolicies: [contactPolicy.id, leadSubmitPolicy.id, formEvaluatePolicy.id, gateRegisterPolicy.id],
    requestOf,
    count: (request) => app.accountGuard.count(request, clientAccount(request), clientPolicy.id),
  })
  const installLateGuard = installGuard(app, {
    store: dependencies.store,
    policyFile: dependencies.policyFile,
    policies: [
      contactPolicy,
      formViewPolicy,
      formEvaluatePolicy,
      leadSubmitPolicy,
      resourceListPolicy,
      resourceReadPolicy,
      gateRegisterPolicy,
      metricsPolicy,
      loginPolicy,
      clientPolicy,
      refreshPolicy,
      verifyTokenPolicy,
      passwordCheckPolicy,
      mfaVerifyPolicy,
      passkeyChallengePolicy,
      passkeySignInPolicy,
      mfaResetPolicy,
      mfaResetUsePolicy,
      sessionLinkPolicy,
      emailChangePolicy,
      emailLinkPolicy,
      registerPolicy,
      verifyEmailPolicy,
      resetRequestPolicy,
      resetUsePolicy,
      oauthStartPolicy,
      oauthFinishPolicy,
      invitationAcceptPolicy,
      exportPolicy,
    ],
    subjectsOf: createSubjectReader({ config, reputation, fingerprintSecret, clock }),
    createChallenges: (mark) =>
      createChallenges({
        secrets: deriveKeys(masters, keyLabels.proofOfWork),
        audience: config.publicUrl,
        clock,
        mark,
        registry: metrics.registry,
      }),
    routes,
    settings: config,
    tenantPolicies,
    onEvent: (event, subjects) => {
      for (const hear of [events.hear, lockNotices.hear, hearBurst]) hear(event, subjects)
    },
    onForgiven: lockNotices.takeBack,
    eventSecret: deriveKey(master, keyLabels.guardEvents),
    metrics,
    nowMs: dependencies.nowMs,
    clock,
  })
  installUnmatched(app, { routes, answerPreflight, clock })
  installIdentification(app, identification)
  installLateGuard()
  installRequestBodies(app)
  installCompression(app)
  const { publicUrl, apiContact: contact } = config
  await installOpenApi(app, { publicUrl, contact, version: dependencies.version })
  for (const schema of schemas) app.addSchema(schema)
  app.setNotFoundHandler((request, reply) => sendProblem(request, reply, 'not-found', {}, clock))

  const privacy = {
    mailKeys: createMailKeys(masters),
    receiptSigner: createReceiptSigner(masters),
    clientRing: identity.kit.clientRing,
    dataDir: config.dataDir,
  }
  const contactIntake = createContactIntake(pool, (rows) => metrics.batch('contact', rows))
  const forms = createPublishedForms({
    hears: dependencies.tenantFeed?.hears ?? (() => false),
    maxBytes: config.formMemoryBytes,
  })
  dependencies.tenantFeed?.follow(forms)
  for (const [cache, { reading }] of Object.entries({
    tenants: dependencies.tenants,
    forms,
    origins,
    tokens: accessTokens,
  }))
    metrics.watchCache(cache, reading)
  const tokens = createRenderTokens(...deriveKeys(masters, keyLabels.renderToken))
  const leadIntake = createLeadIntake(pool, (rows) => metrics.batch('leads', rows))
  const gateIntake = createGateIntake(pool, (rows) => metrics.batch('gates', rows))
  const health = { ...dependencies, timeoutMs: 2_000, policyVersion: () => app.policies.current().version }
  await app.register(async (root) => {
    healthRoutes(root as App, health, { isRoot: true })
    docsRoutes(root as App)
    accountRoutes(root as App)
    metricsRoutes(root as App, metrics, config.metricsToken)
    wellKnownRoutes(root as App, { signingKeys, publicUrl: config.publicUrl, contacts: config.securityContact, clock })
  })
  await app.register(async (pages) => {
    hostedFormRoutes(pages as App, {
      publicUrl: config.publicUrl,
      defaultLocale: config.defaultLocale,
      log,
      blocks,
      forms,
      tokens,
      contextOf: createRefusedContext(identification),
      submitPolicy: leadSubmitPolicy,
      submit: (context, form, input, key) => submitForm(context, { tokens, intake: leadIntake }, form, input, key),
    })
  })
  await app.register(
    async (scope) => {
      const api = scope as App
      healthRoutes(api, health, { isRoot: false })
      contactRoutes(api, contactIntake)
      publicFormRoutes(api, { forms, tokens })
      formRoutes(api, { onFormChanged: (tenantId) => forms.forget(tenantId) })
      submitRoutes(api, { forms, tokens, intake: leadIntake })
      leadRoutes(api)
      resourceRoutes(api)
      registerRoutes(api, gateIntake)
      gateRoutes(api)
      securityEventRoutes(api, (policyId, tenant) => [
        app.policies.compiled(policyId)?.version,
        app.policies.compiled(policyId, tenant)?.version,
      ])
      policyRoutes(api, {
        policies: app.policies,
        tenantPolicies,
        onChanged: dependencies.tenantFeed?.changed ?? ((tenantId) => dependencies.tenants.forget(tenantId)),
      })
      authRoutes(api, { ...identification, ...identity })
      sessionRoutes(api, { ...identification, ...identity })
      staffSessionRoutes(api, identity)
      auditRoutes(api, { headSigner: createHeadSigner(masters) })
      apiKeyRoutes(api, identity)
      mfaRoutes(api, identity)
      factorResetRoutes(api, { ...identification, ...identity })
      factorSignInRoutes(api, { ...identification, ...identity, passwordCheckPolicy })
      const passkeys = {
        ...{ ...identity, secondFactors },
        party: { id: new URL(config.publicUrl).hostname, isOwnOrigin: identification.isOwnOrigin },
      }
      passkeyRoutes(api, passkeys)
      passkeySignInRoutes(api, passkeys)
      registrationRoutes(api, { ...identification, ...identity })
      passwordResetRoutes(api, { ...identification, ...identity })
      oauthRoutes(api, {
        ...{ ...identification, ...identity, secondFactors },
        identityClient: createIdentityClient({ ...identity, fetch: identity.fetchPublic }),
      })
      identityProviderRoutes(api, identity)
      userRoutes(api, identity)
      emailChangeRoutes(api, { ...identification, ...identity })
      roleRoutes(api)
      invitationRoutes(api, { ...identification, ...identity })
      webhookRoutes(api, {
        webhookRing: createKeyRing(masters, keyLabels.webhooks),
        allowsPrivateWebhooks: config.allowPrivateWebhooks === 'on',
      })
      webhookDeliveryRoutes(api)
      platformRoutes(api, {
        pool,
        ...tenantKeeping,
        issueOwnerLink: (tenantId) =>
          issueOwnerLink(pool, tenantId, { publicUrl: config.publicUrl, nowMs: clock.now() }),
      })
      ownTenantRoutes(api, {
        ...tenantKeeping,
        isRegistrationOpen: identity.isOpen,
        contactRetentionMs: config.contactRetentionMs,
        isOwnHost: identification.isOwnHost,
        readTxt: createTxtReader(config.dnsServers),
        readLeadQuota,
      })
      privacyRoutes(api, privacy)
      privacyRequestRoutes(api, privacy)
      ownRoutes(api)
    },
    { prefix: '/api/v1' },
  )
  await app.ready()
  return app
}

function assertEveryRouteSaysWho(app: App): void {
  app.addHook('onRoute', (route) => {
    if (route.config?.access === undefined)
      throw new Error(`the route ${String(route.method)} ${route.url} does not say who may call it`)
  })
}

/** Hosts that are the server's own and name no tenant. */
function ownHosts(config: Config): readonly string[] {
  return [new URL(config.publicUrl).hostname, 'localhost', '127.0.0.1', '[::1]', ...config.trustedHosts]
}
