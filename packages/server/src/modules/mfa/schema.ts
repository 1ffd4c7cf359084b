import { type Static, Type } from 'typebox'
import type { TokenReply as Tokens } from '../../core/identity/session-kit.ts'
import { Id, Instant, Nullable, Strict } from '../../core/shapes/fields.ts'

const Code = Type.String({
  pattern: '^[0-9]{3} ?[0-9]{3}$',
  maxLength: 7,
  description: 'The code that the authenticator app shows. Good once.',
  examples: ['492816'],
})
const RecoveryCode = Type.String({ minLength: 1, maxLength: 64, description: 'One of the recovery codes. Good once.' })

export const MfaStatus = Strict(
  {
    enabled: Type.Boolean({ description: 'Whether a second factor is asked for when the person signs in.' }),
    required: Type.Boolean({ description: 'Whether the person has to have one.' }),
    confirmedAt: Nullable(Instant),
    recoveryCodesLeft: Type.Integer({ minimum: 0 }),
  },
  { $id: 'MfaStatus' },
)
export type MfaStatus = Static<typeof MfaStatus>

export const MfaSetup = Strict(
  {
    secret: Type.String({ description: 'To type into the app by hand: base32.' }),
    otpauthUrl: Type.String(),
    qrDataUrl: Type.String({ description: 'The same as a QR code: a `data:` URL for an image.' }),
  },
  { $id: 'MfaSetup' },
)
export type MfaSetup = Static<typeof MfaSetup>

export const MfaEnableInput = Strict(
  {
    code: Code,
    endOtherSessions: Type.Optional(Type.Boolean({ description: 'Sign the person out everywhere else.' })),
  },
  { $id: 'MfaEnableInput' },
)

export const MfaEnabled = Strict(
  {
    access_token: Type.Optional(Type.String({ description: 'Absent with cookies.' })),
    refresh_token: Type.Optional(Type.String({ description: 'Good once. Absent with cookies.' })),
    token_type: Type.Literal('Bearer'),
    expires_in: Type.Integer({ description: 'Seconds the access token is good for.' }),
    mfa_required: Type.Boolean(),
    captcha_required: Type.Literal(false),
    recovery_codes: Type.Array(Type.String(), { description: 'Shown this once.' }),
  },
  { $id: 'MfaEnabled' },
)

export const MfaVerifyInput = Strict({ code: Code }, { $id: 'MfaVerifyInput' })

export const MfaRecoveryInput = Strict({ recoveryCode: RecoveryCode }, { $id: 'MfaRecoveryInput' })

export const MfaDisableInput = Strict(
  { code: Type.Optional(Code), recoveryCode: Type.Optional(RecoveryCode) },
  { $id: 'MfaDisableInput', description: 'One of the two.', examples: [{ code: '492816' }] },
)

export const MfaRecoveryCodes = Strict(
  { recoveryCodes: Type.Array(Type.String(), { description: 'Shown this once; older ones are good no more.' }) },
  { $id: 'MfaRecoveryCodes' },
)

export const LoginMfaInput = Strict(
  {
    mfa_session_token: Type.String({ minLength: 1, maxLength: 200 }),
    code: Type.Optional(Code),
    recovery_code: Type.Optional(RecoveryCode),
  },
  {
    $id: 'LoginMfaInput',
    description: 'The token of the first step, and one of the two codes.',
    examples: [{ mfa_session_token: 'rmp_mfa_0123456789', code: '492816' }],
  },
)

export const StepUpInput = Strict(
  {
    // As it was typed. The bound is what one hash may be asked to read.
    password: Type.Optional(
      Type.String({ minLength: 1, maxLength: 512, description: 'For a person who has a password.' }),
    ),
    code: Type.Optional(Code),
  },
  {
    $id: 'StepUpInput',
    description: 'All that the person has: the password, and a code of the second factor.',
    examples: [{ password: 'seven purple candles' }],
  },
)
export type StepUpInput = Static<typeof StepUpInput>

export const MfaRequirement = Strict(
  { required: Type.Boolean({ description: 'Whether everybody of the tenant has to have a second factor.' }) },
  { $id: 'MfaRequirement' },
)
export type MfaRequirement = Static<typeof MfaRequirement>

export const MfaResetInput = Strict(
  { mfa_session_token: Type.String({ minLength: 1, maxLength: 128, description: 'Of the first step of signing in.' }) },
  { $id: 'MfaResetInput' },
)

export const MfaResetAsked = Strict({ status: Type.Literal('sent') }, { $id: 'MfaResetAsked' })

export const FactorLinkInput = Strict(
  { token: Type.String({ minLength: 1, maxLength: 256, description: 'From the link in the mail.' }) },
  { $id: 'FactorLinkInput' },
)

export const MfaResetWait = Strict(
  { until: Type.String({ format: 'date-time', description: 'From then on a sign-in goes without the factor.' }) },
  { $id: 'MfaResetWait' },
)

export const MfaResetParams = Strict({ id: Id })

/** What signing in answers, published by the routes of signing in. */
export const TokenReply = Type.Unsafe<Tokens>({ $ref: 'TokenReply#' })

export const mfaSchemas = [
  MfaStatus,
  MfaSetup,
  MfaEnableInput,
  MfaEnabled,
  MfaVerifyInput,
  MfaRecoveryInput,
  MfaDisableInput,
  MfaRecoveryCodes,
  LoginMfaInput,
  StepUpInput,
  MfaRequirement,
  MfaResetInput,
  MfaResetAsked,
  FactorLinkInput,
  MfaResetWait,
]
