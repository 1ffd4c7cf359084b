import { type Static, Type } from 'typebox'
import { Email, Id, Instant, Nullable, Strict } from '../../core/shapes/fields.ts'

const Transport = Type.Union([Type.Literal('bearer'), Type.Literal('cookie')], {
  description: '`cookie`: the tokens come as `__Host-` cookies and not in the body. Default `bearer`.',
})

/** As it was typed: nothing is trimmed or cut. The bound is what one hash may be asked to read. */
export const TypedPassword = Type.String({ minLength: 1, maxLength: 512 })

export const LoginInput = Strict(
  { email: Email, password: TypedPassword, transport: Type.Optional(Transport) },
  { $id: 'LoginInput' },
)
export type LoginInput = Static<typeof LoginInput>

/** RFC 6749 §5.1, with S4's members. */
export const TokenReply = Strict(
  {
    access_token: Type.Optional(Type.String({ description: 'Absent with cookies.' })),
    refresh_token: Type.Optional(Type.String({ description: 'Good once. Absent with cookies.' })),
    token_type: Type.Literal('Bearer'),
    expires_in: Type.Integer({
      description: 'Seconds the access token is good for, or the second factor is waited for.',
    }),
    mfa_required: Type.Boolean({ description: 'Whether a second factor is still to be shown, at /auth/login/mfa.' }),
    mfa_session_token: Type.Optional(Type.String({ description: 'To be sent with the second factor.' })),
    captcha_required: Type.Literal(false, {
      description: 'True on the refusal `captcha-required` alone, which carries the challenge.',
    }),
  },
  { $id: 'TokenReply' },
)

export const RefreshInput = Strict(
  {
    refresh_token: Type.Optional(Type.String({ minLength: 1, maxLength: 8_192, description: 'Absent with cookies.' })),
  },
  { $id: 'RefreshInput' },
)

export const LogoutInput = Strict(
  { all: Type.Optional(Type.Boolean({ description: 'End every session of the person, not this one alone.' })) },
  { $id: 'LogoutInput' },
)

export const Me = Strict(
  {
    user: Strict({
      id: Id,
      email: Type.String(),
      name: Nullable(Type.String()),
      locale: Type.Union([Type.Literal('en'), Type.Literal('fr')]),
      emailVerified: Type.Boolean(),
    }),
    tenant: Strict({ id: Id, slug: Type.String(), name: Type.String() }),
    roles: Type.Array(Type.String(), { description: 'Codes of the roles in force.' }),
    permissions: Type.Array(Type.String()),
    session: Strict({
      id: Id,
      aal: Type.Integer({ minimum: 1, maximum: 2, description: '2 once a second factor was shown.' }),
      amr: Type.Array(Type.String(), { description: 'RFC 8176.' }),
      authTime: Instant,
      restriction: Nullable(Type.Literal('enrol-mfa')),
    }),
  },
  { $id: 'Me' },
)
export type Me = Static<typeof Me>

export const ChangePasswordInput = Strict(
  { currentPassword: TypedPassword, newPassword: Type.String({ minLength: 1, maxLength: 1_024 }) },
  { $id: 'ChangePasswordInput' },
)

export const VerifyTokenInput = Strict(
  { token: Type.String({ minLength: 1, maxLength: 8_192 }) },
  { $id: 'VerifyTokenInput' },
)

/** RFC 7662 §2.2. Of a token that does not hold, nothing is said but that. */
export const VerifyTokenReply = Strict(
  {
    active: Type.Boolean(),
    sub: Type.Optional(Id),
    tid: Type.Optional(Id),
    sid: Type.Optional(Id),
    exp: Type.Optional(Type.Integer()),
    iat: Type.Optional(Type.Integer()),
    token_type: Type.Optional(Type.String()),
  },
  { $id: 'VerifyTokenReply' },
)

export const authSchemas = [
  ChangePasswordInput,
  LoginInput,
  TokenReply,
  RefreshInput,
  LogoutInput,
  Me,
  VerifyTokenInput,
  VerifyTokenReply,
]
