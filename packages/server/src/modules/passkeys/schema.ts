import { type Static, Type } from 'typebox'
import type { TokenReply as Tokens } from '../../core/identity/session-kit.ts'
import { Id, Instant, Line, Nullable, Strict } from '../../core/shapes/fields.ts'

const Base64Url = (maxLength: number, description?: string) =>
  Type.String({ minLength: 1, maxLength, pattern: '^[A-Za-z0-9_-]+$', ...(description && { description }) })

/** What browsers add to it from one version to the next is not read. */
const open = { additionalProperties: true } as const
const shape = {
  id: Base64Url(1_364),
  rawId: Base64Url(1_364),
  type: Type.Literal('public-key'),
  authenticatorAttachment: Type.Optional(Nullable(Type.String({ maxLength: 64 }))),
}

/** `PublicKeyCredential.toJSON()` of a new one. @see WebAuthn Level 3 §5.1 */
const Registration = Type.Object(
  {
    ...shape,
    response: Type.Object(
      {
        clientDataJSON: Base64Url(8_192),
        attestationObject: Base64Url(65_536),
        transports: Type.Optional(Type.Array(Type.String({ maxLength: 32 }), { maxItems: 10 })),
      },
      open,
    ),
    clientExtensionResults: Type.Optional(
      Type.Object({ credProps: Type.Optional(Type.Object({ rk: Type.Optional(Type.Boolean()) }, open)) }, open),
    ),
  },
  { ...open, description: '`PublicKeyCredential.toJSON()` of `navigator.credentials.create()`.' },
)
export type Registration = Static<typeof Registration>

/** `PublicKeyCredential.toJSON()` of one that was shown. */
const Assertion = Type.Object(
  {
    ...shape,
    response: Type.Object(
      {
        clientDataJSON: Base64Url(8_192),
        authenticatorData: Base64Url(8_192),
        signature: Base64Url(8_192),
        userHandle: Type.Optional(Nullable(Type.String({ maxLength: 88, pattern: '^[A-Za-z0-9_-]*$' }))),
      },
      open,
    ),
  },
  { ...open, description: '`PublicKeyCredential.toJSON()` of `navigator.credentials.get()`.' },
)
export type Assertion = Static<typeof Assertion>

const descriptor = Strict({
  id: Type.String(),
  type: Type.Literal('public-key'),
  transports: Type.Optional(Type.Array(Type.String())),
})

export const PasskeyCreationOptions = Strict(
  {
    rp: Strict({ id: Type.String(), name: Type.String() }),
    user: Strict({ id: Type.String(), name: Type.String(), displayName: Type.String() }),
    challenge: Type.String(),
    pubKeyCredParams: Type.Array(Strict({ type: Type.Literal('public-key'), alg: Type.Integer() })),
    timeout: Type.Integer(),
    attestation: Type.String(),
    excludeCredentials: Type.Array(descriptor),
    authenticatorSelection: Strict({
      residentKey: Type.String(),
      requireResidentKey: Type.Boolean(),
      userVerification: Type.String(),
    }),
    extensions: Strict({ credProps: Type.Boolean() }),
  },
  {
    $id: 'PasskeyCreationOptions',
    description: 'For `PublicKeyCredential.parseCreationOptionsFromJSON()`.',
  },
)
export type PasskeyCreationOptions = Static<typeof PasskeyCreationOptions>

export const PasskeyRequestOptions = Strict(
  {
    challenge: Type.String(),
    rpId: Type.String(),
    timeout: Type.Integer(),
    userVerification: Type.String(),
    allowCredentials: Type.Array(descriptor),
  },
  { $id: 'PasskeyRequestOptions', description: 'For `PublicKeyCredential.parseRequestOptionsFromJSON()`.' },
)
export type PasskeyRequestOptions = Static<typeof PasskeyRequestOptions>

const someCredential = { id: 'AAECAwQFBgc', rawId: 'AAECAwQFBgc', type: 'public-key' }
const registrationExample = {
  credential: { ...someCredential, response: { clientDataJSON: 'e30', attestationObject: 'oA' } },
  label: 'Laptop',
}
const assertionExample = {
  credential: { ...someCredential, response: { clientDataJSON: 'e30', authenticatorData: 'AA', signature: 'AA' } },
}

const Label = Line(100, { description: 'What its owner calls it. Default: the browser and the system.' })

export const PasskeyRegistrationInput = Strict(
  { credential: Registration, label: Type.Optional(Label) },
  { $id: 'PasskeyRegistrationInput', examples: [registrationExample] },
)

export const PasskeySignInInput = Strict(
  {
    transport: Type.Optional(
      Type.Union([Type.Literal('bearer'), Type.Literal('cookie')], {
        description: 'How the tokens are to come. With `cookie`, only the browser that asked can answer.',
      }),
    ),
  },
  { $id: 'PasskeySignInInput', examples: [{ transport: 'bearer' }] },
)

export const PasskeyAssertionInput = Strict(
  { credential: Assertion },
  { $id: 'PasskeyAssertionInput', examples: [assertionExample] },
)

export const PasskeyChange = Strict({ label: Line(100) }, { $id: 'PasskeyChange', examples: [{ label: 'Laptop' }] })

export const Passkey = Strict(
  {
    id: Id,
    label: Type.String(),
    isSynced: Type.Boolean({ description: 'Whether it is kept on more than one device.' }),
    isSuspected: Type.Boolean({
      description: 'Whether it behaved like a copy. It is good for nothing any more; remove it.',
    }),
    createdAt: Instant,
    lastUsedAt: Nullable(Instant),
  },
  { $id: 'Passkey' },
)
export type Passkey = Static<typeof Passkey>

export const Passkeys = Strict({ items: Type.Array(Passkey) }, { $id: 'Passkeys' })

export const PasskeyParams = Strict({ id: Id })

/** What signing in answers, published by the routes of signing in. */
export const TokenReply = Type.Unsafe<Tokens>({ $ref: 'TokenReply#' })

export const passkeySchemas = [
  PasskeyCreationOptions,
  PasskeyRequestOptions,
  PasskeyRegistrationInput,
  PasskeySignInInput,
  PasskeyAssertionInput,
  PasskeyChange,
  Passkey,
  Passkeys,
]
