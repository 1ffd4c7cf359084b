import { type Static, Type } from 'typebox'
import { Email, Id, Instant, Nullable, Paragraphs, Ref, Strict } from '../../core/shapes/fields.ts'
import { NumberedPageOf, NumberedPageQuery } from '../../core/shapes/pagination.ts'

const Words = Strict({ en: Type.String(), fr: Type.String() })

export const InventoryTable = Strict(
  {
    table: Type.String(),
    title: Words,
    purpose: Words,
    retention: Words,
    foundBy: Type.Array(Type.String(), { description: 'How rows are found to be about a person, by column.' }),
    columns: Type.Array(
      Strict({
        column: Type.String(),
        personal: Type.String({ description: '`none`, or the category of personal data.' }),
        exported: Type.Boolean(),
        erase: Type.String({ description: '`delete`, `anonymise`, `shred` (its key is destroyed) or `keep`.' }),
        legal: Nullable(Type.String({ description: 'Why it is kept.' })),
      }),
    ),
  },
  { $id: 'InventoryTable' },
)

/** What the database holds about people. */
export const Inventory = Strict({ tables: Type.Array(Ref(InventoryTable)) }, { $id: 'Inventory' })
export type Inventory = Static<typeof Inventory>

/** Everything that is stored about one person. */
export const PersonalData = Strict(
  {
    exportedAt: Instant,
    tenant: Strict({ slug: Type.String(), name: Type.String() }),
    userId: Nullable(Id),
    sections: Type.Array(
      Strict({
        table: Type.String(),
        title: Type.String(),
        purpose: Type.String(),
        retention: Type.String(),
        rows: Type.Array(Type.Record(Type.String(), Type.Unknown())),
        isCut: Type.Boolean({ description: 'There were more rows than one export takes; these are the newest.' }),
      }),
    ),
  },
  { $id: 'PersonalData' },
)
export type PersonalData = Static<typeof PersonalData>

export const ExportQuery = Type.Object({
  format: Type.Optional(
    Type.Union([Type.Literal('json'), Type.Literal('html')], {
      default: 'json',
      description: '`html`: a page to read.',
    }),
  ),
})
export type ExportQuery = Static<typeof ExportQuery>

export const PersonParams = Strict({ userId: Id })

const Whose = Type.Optional(
  Type.String({ format: 'uuid', description: 'Somebody else, which takes `privacy:write`; absent: oneself.' }),
)

/** Strict: a misspelt member must not turn the erasure of somebody else into one's own. */
export const ErasureQuery = Strict({ userId: Whose })

export const AnonymizeInput = Strict({ userId: Whose }, { $id: 'AnonymizeInput' })

/** What was erased, signed. It names nobody. */
export const ErasureReceipt = Strict(
  {
    format: Type.Literal('rempart-erasure/1'),
    id: Id,
    tenantId: Id,
    kind: Type.Union([Type.Literal('erase'), Type.Literal('anonymise')]),
    userId: Nullable(Id),
    at: Instant,
    tables: Type.Array(
      Strict({
        table: Type.String({ maxLength: 63 }),
        deleted: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
        anonymised: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
      }),
      { maxItems: 200 },
    ),
    auditKeyDestroyed: Type.Boolean(),
    kid: Type.String({ maxLength: 64 }),
    signature: Type.String({ maxLength: 128, description: 'Ed25519, base64url.' }),
  },
  { $id: 'ErasureReceipt' },
)

export const ReceiptVerdict = Strict(
  {
    isValid: Type.Boolean({ description: 'It was signed here, and nothing of it was altered.' }),
    keys: Type.Array(
      Strict({ kty: Type.Literal('OKP'), crv: Type.Literal('Ed25519'), x: Type.String(), kid: Type.String() }),
      { description: 'What receipts are signed with.' },
    ),
  },
  { $id: 'ReceiptVerdict' },
)
export type ReceiptVerdict = Static<typeof ReceiptVerdict>

const Kind = Type.Union([Type.Literal('access'), Type.Literal('erasure'), Type.Literal('rectification')])
const State = Type.Union(
  [Type.Literal('open'), Type.Literal('done'), Type.Literal('refused'), Type.Literal('lapsed')],
  { description: '`lapsed`: the person was erased before it was answered.' },
)

/** What somebody asked about their data, and what came of it. */
export const PrivacyRequest = Strict(
  {
    id: Id,
    kind: Kind,
    state: State,
    userId: Nullable(Id),
    email: Nullable(Type.String({ description: 'Of somebody without an account, until they are erased.' })),
    note: Nullable(Type.String()),
    answer: Nullable(Type.String()),
    handledBy: Nullable(Type.String()),
    receipt: Nullable(Ref(ErasureReceipt)),
    createdAt: Instant,
    dueAt: Type.String({ format: 'date-time', description: 'A month after it was received (art. 12(3) GDPR).' }),
    handledAt: Nullable(Instant),
  },
  { $id: 'PrivacyRequest' },
)
export type PrivacyRequest = Static<typeof PrivacyRequest>

export const PrivacyRequestPage = NumberedPageOf(Ref(PrivacyRequest), 'PrivacyRequestPage')

export const PrivacyRequestQuery = Type.Object({ ...NumberedPageQuery.properties, state: Type.Optional(State) })
export type PrivacyRequestQuery = Static<typeof PrivacyRequestQuery>

export const PrivacyRequestInput = Strict(
  {
    kind: Kind,
    note: Type.Optional(Paragraphs(4_000)),
    email: Type.Optional({
      ...Email,
      description: 'For somebody else, whose identity staff have checked; takes `privacy:write`.',
    }),
  },
  { $id: 'PrivacyRequestInput' },
)
export type PrivacyRequestInput = Static<typeof PrivacyRequestInput>

export const PrivacyRequestParams = Strict({ id: Id })

export const PrivacyAnswer = Strict(
  {
    state: Type.Union([Type.Literal('done'), Type.Literal('refused')]),
    answer: Type.Optional(Paragraphs(4_000)),
  },
  { $id: 'PrivacyAnswer' },
)
export type PrivacyAnswer = Static<typeof PrivacyAnswer>
