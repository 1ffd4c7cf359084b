import { type Static, type TSchema, Type } from 'typebox'
import { permissions } from '../../core/access/access.ts'
import { Id, Instant, Line, Nullable, Ref, Strict } from '../../core/shapes/fields.ts'
import { NumberedPageOf, NumberedPageQuery } from '../../core/shapes/pagination.ts'
import { settingBounds } from '../../core/tenant/settings.ts'

const Slug = Type.String({ minLength: 1, maxLength: 63, pattern: '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$' })
const Locale = Type.Union([Type.Literal('en'), Type.Literal('fr')])
const TimeZone = Type.String({ minLength: 1, maxLength: 64, description: 'IANA name.', examples: ['Europe/Paris'] })

/** A tenant, as the platform sees it. */
export const PlatformTenant = Strict(
  {
    id: Id,
    slug: Slug,
    name: Type.String(),
    locale: Locale,
    timeZone: TimeZone,
    isActive: Type.Boolean({ description: 'False: suspended. It answers as one that does not exist.' }),
    isPlatform: Type.Boolean(),
    createdAt: Instant,
  },
  { $id: 'PlatformTenant' },
)
export type PlatformTenant = Static<typeof PlatformTenant>

export const PlatformTenantPage = NumberedPageOf(Ref(PlatformTenant), 'PlatformTenantPage')
export const PlatformTenantQuery = NumberedPageQuery
export type PlatformTenantQuery = Static<typeof PlatformTenantQuery>

export const TenantParams = Strict({ id: Id })
export const GrantParams = Strict({ id: Id, grantId: Id })

export const TenantInput = Strict(
  { slug: Slug, name: Line(200), locale: Type.Optional(Locale), timeZone: Type.Optional(TimeZone) },
  { $id: 'TenantInput', examples: [{ slug: 'acme', name: 'Acme', locale: 'fr', timeZone: 'Europe/Paris' }] },
)
export type TenantInput = Static<typeof TenantInput>

export const NewPlatformTenant = Strict(
  {
    tenant: Ref(PlatformTenant),
    ownerLink: Type.String({
      description: 'Where its first owner makes an account: good once, for seven days, and shown this once.',
    }),
  },
  { $id: 'NewPlatformTenant' },
)
export type NewPlatformTenant = Static<typeof NewPlatformTenant>

export const TenantChange = Type.Object(
  { name: Type.Optional(Line(200)), locale: Type.Optional(Locale), timeZone: Type.Optional(TimeZone) },
  { $id: 'TenantChange', additionalProperties: false, minProperties: 1 },
)
export type TenantChange = Static<typeof TenantChange>

const GrantedPermissions = Type.Array(Type.Unsafe<string>({ type: 'string', enum: [...permissions] }), {
  minItems: 1,
  maxItems: permissions.length,
  uniqueItems: true,
  examples: [['leads:read']],
})

/** What a person of the platform may do in a tenant, and until when. */
export const OperatorGrant = Strict(
  {
    id: Id,
    tenantId: Id,
    operatorId: Id,
    permissions: Type.Array(Type.String()),
    reason: Type.String(),
    grantedBy: Type.String(),
    createdAt: Instant,
    expiresAt: Instant,
    revokedAt: Nullable(Instant),
    isInForce: Type.Boolean(),
  },
  { $id: 'OperatorGrant' },
)
export type OperatorGrant = Static<typeof OperatorGrant>

export const OperatorGrantList = Strict({ items: Type.Array(Ref(OperatorGrant)) }, { $id: 'OperatorGrantList' })

export const OperatorGrantInput = Strict(
  {
    operatorId: Id,
    permissions: GrantedPermissions,
    reason: Line(500, { description: 'Why. The tenant reads it in its audit log.' }),
    minutes: Type.Integer({ minimum: 1, maximum: 480, description: 'It ends by itself: after eight hours at most.' }),
  },
  {
    $id: 'OperatorGrantInput',
    examples: [
      {
        operatorId: '01890a5d-ac96-774b-bcce-b302099a8057',
        permissions: ['leads:read'],
        reason: 'Ticket 4711: leads missing from the export',
        minutes: 60,
      },
    ],
  },
)
export type OperatorGrantInput = Static<typeof OperatorGrantInput>

const bounded = (name: keyof typeof settingBounds, description: string) =>
  Type.Integer({ ...settingBounds[name], description })
const settings = {
  registration: Type.Union([Type.Literal('open'), Type.Literal('closed')], {
    description: 'Whether anybody may make an account. `open` where the installation allows it.',
  }),
  sessionIdleMinutes: bounded('sessionIdleMinutes', 'A session that is not refreshed for so long ends.'),
  sessionMaxHours: bounded('sessionMaxHours', 'A session ends then at the latest.'),
  passwordMinLength: bounded('passwordMinLength', 'Of new passwords, in characters.'),
  passwordClasses: bounded(
    'passwordClasses',
    'Of lower case, upper case, digits and others, how many a new password must have.',
  ),
  contactRetentionDays: bounded('contactRetentionDays', 'Contact messages are deleted after so many days.'),
}
const identity = {
  name: Line(200),
  locale: Locale,
  timeZone: TimeZone,
  allowedOrigins: Type.Array(
    Type.String({ maxLength: 300, pattern: '^https?://[^/?#\\s]+$', examples: ['https://www.example.org'] }),
    { maxItems: 50, uniqueItems: true, description: 'Browser origins that may call the API.' },
  ),
}

/** What is in force for the tenant. */
export const OwnSettings = Strict(
  {
    slug: Slug,
    ...identity,
    ...settings,
    own: Type.Array(Type.String(), { description: 'The settings that are otherwise than the installation’s.' }),
    version: Type.Integer({ minimum: 0, description: 'Grows with each change.' }),
  },
  { $id: 'TenantSettings' },
)
export type OwnSettings = Static<typeof OwnSettings>

const optional = <P extends Record<string, TSchema>>(properties: P) =>
  Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, Type.Optional(schema)])) as {
    [K in keyof P]: ReturnType<typeof Type.Optional<P[K]>>
  }
const resettable = <P extends Record<string, TSchema>>(properties: P) =>
  Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, Type.Optional(Nullable(schema))])) as {
    [K in keyof P]: ReturnType<typeof Type.Optional<ReturnType<typeof Nullable<P[K]>>>>
  }

export const OwnSettingsChange = Type.Object(
  {
    ...optional(identity),
    ...resettable(settings),
    version: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 2_147_483_647, description: 'Refused when it is not the current one.' }),
    ),
  },
  {
    $id: 'TenantSettingsChange',
    additionalProperties: false,
    minProperties: 1,
    description: 'What is left out stays; null: as the installation again.',
    examples: [{ sessionIdleMinutes: 60, passwordMinLength: 14 }],
  },
)
export type OwnSettingsChange = Static<typeof OwnSettingsChange>

export const TenantQuotas = Strict(
  {
    items: Type.Array(
      Strict({
        quota: Type.Literal('leads'),
        period: Type.String({ description: 'The calendar month, in the time zone of the tenant.' }),
        used: Type.Integer({ minimum: 0 }),
        limit: Nullable(Type.Integer({ minimum: 0 })),
        resetsAt: Instant,
      }),
    ),
  },
  { $id: 'TenantQuotas' },
)
export type TenantQuotas = Static<typeof TenantQuotas>

const DomainName = Type.String({ minLength: 4, maxLength: 253, examples: ['www.example.org'] })

export const TenantDomain = Strict(
  {
    domain: Type.String(),
    isVerified: Type.Boolean({ description: 'Only then the domain names the tenant.' }),
    proof: Nullable(
      Strict({
        name: Type.String({ description: 'Of the TXT record.' }),
        value: Type.String({ description: 'What it has to say.' }),
      }),
    ),
    createdAt: Instant,
    verifiedAt: Nullable(Instant),
  },
  { $id: 'TenantDomain' },
)
export type TenantDomain = Static<typeof TenantDomain>

export const TenantDomainList = Strict({ items: Type.Array(Ref(TenantDomain)) }, { $id: 'TenantDomainList' })
export const DomainInput = Strict({ domain: DomainName }, { $id: 'DomainInput' })
export const DomainParams = Strict({ domain: DomainName })
