import { type Static, Type } from 'typebox'
import { Id, Instant, Line, Nullable, Strict } from '../../core/shapes/fields.ts'

const Code = Type.String({
  maxLength: 32,
  pattern: '^[a-z][a-z0-9-]{0,31}$',
  description: 'The name of the provider in addresses.',
})
const Kind = Type.Union([Type.Literal('oidc'), Type.Literal('github')])

export const ProviderParams = Strict({ provider: Code })

export const OfferedProviders = Strict(
  { items: Type.Array(Strict({ code: Code, name: Type.String(), kind: Kind })) },
  { $id: 'OfferedProviders' },
)
export type OfferedProviders = Static<typeof OfferedProviders>

const next = Type.Optional(
  Type.String({
    maxLength: 2_000,
    description:
      'Where the browser goes then: a path of this server, or an address of an origin that the tenant lists. What is still to be done stands behind the `#`.',
  }),
)

export const AuthorizeQuery = Type.Object({
  tenant: Type.Optional(Type.String({ maxLength: 63 })),
  transport: Type.Optional(
    Type.Union([Type.Literal('bearer'), Type.Literal('cookie')], {
      description: '`cookie`, which `next` asks for: the tokens come as `__Host-` cookies. Default `bearer`.',
    }),
  ),
  next,
})

export const LinkQuery = Type.Object({ next })

export const AuthorizeReply = Strict(
  { authorizeUrl: Type.String({ description: 'Where the browser that asked is to go.' }) },
  { $id: 'AuthorizeReply' },
)

/** Providers add parameters of their own to their answers: they are passed on and not read. */
export const CallbackQuery = Type.Object({ state: Type.String({ maxLength: 200 }) })

/** RFC 6749 §5.1, with what is still to be done. */
export const OAuthTokenReply = Strict(
  {
    access_token: Type.Optional(Type.String({ description: 'Absent with cookies.' })),
    refresh_token: Type.Optional(Type.String({ description: 'Good once. Absent with cookies.' })),
    token_type: Type.Optional(Type.Literal('Bearer')),
    expires_in: Type.Optional(Type.Integer()),
    mfa_required: Type.Optional(
      Type.Boolean({ description: 'Whether a second factor is still to be shown, at /auth/login/mfa.' }),
    ),
    mfa_session_token: Type.Optional(Type.String()),
    captcha_required: Type.Optional(Type.Literal(false)),
    registration_required: Type.Optional(
      Type.Boolean({
        description: 'Nobody has this identity: an account can be made, at /oauth/complete-registration.',
      }),
    ),
    registration_token: Type.Optional(Type.String({ description: 'Good once, for ten minutes, in this browser.' })),
    linked: Type.Optional(Type.Boolean({ description: 'The identity is linked to whoever asked for it.' })),
  },
  { $id: 'OAuthTokenReply' },
)
export type OAuthTokenReply = Static<typeof OAuthTokenReply>

export const CompleteRegistrationInput = Strict(
  {
    token: Type.String({ minLength: 1, maxLength: 200 }),
    name: Type.Optional(Line(200)),
    locale: Type.Optional(Type.Union([Type.Literal('en'), Type.Literal('fr')])),
  },
  { $id: 'CompleteRegistrationInput' },
)

export const LinkedAccounts = Strict(
  {
    items: Type.Array(
      Strict({
        id: Id,
        provider: Strict({ code: Code, name: Type.String(), isEnabled: Type.Boolean() }),
        createdAt: Instant,
        lastUsedAt: Nullable(Instant),
      }),
    ),
  },
  { $id: 'LinkedAccounts' },
)
export type LinkedAccounts = Static<typeof LinkedAccounts>

export const UnlinkInput = Strict({ accountId: Id }, { $id: 'UnlinkInput' })

const Issuer = Type.String({
  minLength: 8,
  maxLength: 500,
  description: 'Of an OpenID provider, as its discovery document says it; `https`, at a public address.',
})
const ClientId = Type.String({ minLength: 1, maxLength: 300, pattern: '^[\\x21-\\x7E]+$' })
const ClientSecret = Type.String({
  minLength: 1,
  maxLength: 1_000,
  pattern: '^[\\x20-\\x7E]+$',
  description: 'Never shown again.',
})

export const IdentityProvider = Strict(
  {
    id: Id,
    code: Code,
    kind: Kind,
    name: Type.String(),
    issuer: Nullable(Type.String()),
    clientId: Type.String(),
    isEnabled: Type.Boolean(),
    redirectUri: Type.String({ description: 'To be registered with the provider, to the letter.' }),
    version: Type.Integer(),
    createdAt: Instant,
    updatedAt: Instant,
  },
  { $id: 'IdentityProvider' },
)
export type IdentityProvider = Static<typeof IdentityProvider>

export const IdentityProviders = Strict({ items: Type.Array(IdentityProvider) }, { $id: 'IdentityProviders' })
export type IdentityProviders = Static<typeof IdentityProviders>

export const IdentityProviderInput = Strict(
  {
    code: Code,
    kind: Kind,
    name: Line(100),
    issuer: Type.Optional(Issuer),
    clientId: ClientId,
    clientSecret: ClientSecret,
    isEnabled: Type.Optional(Type.Boolean({ description: 'Default true.' })),
  },
  {
    $id: 'IdentityProviderInput',
    examples: [
      {
        code: 'google',
        kind: 'oidc',
        name: 'Google',
        issuer: 'https://accounts.google.com',
        clientId: 'client.apps.googleusercontent.com',
        clientSecret: 'what the provider gave',
      },
    ],
  },
)
export type IdentityProviderInput = Static<typeof IdentityProviderInput>

/** Whose word counts does not change: another kind or issuer is another provider. */
export const IdentityProviderChange = Strict(
  {
    name: Line(100),
    clientId: ClientId,
    clientSecret: Type.Optional(ClientSecret),
    isEnabled: Type.Boolean(),
  },
  { $id: 'IdentityProviderChange' },
)
export type IdentityProviderChange = Static<typeof IdentityProviderChange>

export const IdentityProviderParams = Strict({ id: Id })
