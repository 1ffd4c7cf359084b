import { type Static, Type } from 'typebox'
import { Id, Instant, Line, Nullable, Ref, Strict } from '../../core/shapes/fields.ts'
import { PageOf, PageQuery } from '../../core/shapes/pagination.ts'
import { FormDefinition } from './definition/schema.ts'

const FormSlug = Type.String({
  pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$',
  maxLength: 63,
  description: 'Lower-case letters, digits and hyphens; unique within the tenant, archived forms included.',
})

const versionNumber = { minimum: 1, maximum: 2_147_483_647 } as const
const Version = Type.Integer({ ...versionNumber, description: 'Counted from 1 within its form.' })

const summary = {
  id: Id,
  slug: Type.String(),
  name: Type.String(),
  latestVersion: Version,
  publishedVersion: Nullable(Version),
  archivedAt: Nullable(Instant),
  createdAt: Instant,
  updatedAt: Instant,
}

/** A form as staff list it. */
export const Form = Strict(summary, {
  $id: 'Form',
  description: 'A form without `publishedVersion`, or with `archivedAt`, answers the public as an unknown one.',
})
export type Form = Static<typeof Form>

/** A form with the definition of its latest version. */
export const FormDetail = Strict({ ...summary, definition: Ref(FormDefinition) }, { $id: 'FormDetail' })
export type FormDetail = Static<typeof FormDetail>

export const FormPage = PageOf(Ref(Form), 'FormPage')

export const FormQuery = Type.Object({
  ...PageQuery.properties,
  archived: Type.Optional(
    Type.Boolean({ default: false, description: 'true: the archived forms; false: the others.' }),
  ),
})
export type FormQuery = Static<typeof FormQuery>

export const FormParams = Strict({ id: Id })

export const FormInput = Strict(
  { slug: FormSlug, name: Line(200), definition: Ref(FormDefinition) },
  { $id: 'FormInput' },
)
export type FormInput = Static<typeof FormInput>

export const FormChange = Type.Object(
  {
    slug: Type.Optional(FormSlug),
    name: Type.Optional(Line(200)),
    archived: Type.Optional(Type.Boolean({ description: 'true archives the form, false restores it.' })),
  },
  { $id: 'FormChange', additionalProperties: false, minProperties: 1 },
)
export type FormChange = Static<typeof FormChange>

const versionSummary = {
  version: Version,
  isPublished: Type.Boolean({ description: 'Whether this is the version the public sees.' }),
  createdAt: Instant,
  publishedAt: Nullable(Instant),
}

/** One version of a form, without its definition. */
export const FormVersionSummary = Strict(versionSummary, { $id: 'FormVersionSummary' })
export type FormVersionSummary = Static<typeof FormVersionSummary>

/** One version of a form. It never changes. */
export const FormVersion = Strict(
  { ...versionSummary, formId: Id, definition: Ref(FormDefinition) },
  { $id: 'FormVersion' },
)
export type FormVersion = Static<typeof FormVersion>

/** Versions have no cursor: their number is their place. */
export const FormVersionPage = Strict(
  {
    items: Type.Array(Ref(FormVersionSummary)),
    total: Type.Integer({ minimum: 0 }),
    page: Type.Integer({ minimum: 1 }),
    pageSize: Type.Integer({ minimum: 1, maximum: 100 }),
    totalPages: Type.Integer({ minimum: 0 }),
  },
  { $id: 'FormVersionPage' },
)
export type FormVersionPage = Static<typeof FormVersionPage>

export const FormVersionQuery = Type.Object({
  page: PageQuery.properties.page,
  pageSize: PageQuery.properties.pageSize,
})
export type FormVersionQuery = Static<typeof FormVersionQuery>

export const FormVersionParams = Strict({ id: Id, version: Version })

export const FormVersionInput = Strict({ definition: Ref(FormDefinition) }, { $id: 'FormVersionInput' })

export const PublishInput = Type.Object(
  { version: Type.Optional(Type.Integer({ ...versionNumber, description: 'The latest when absent.' })) },
  { $id: 'PublishInput', additionalProperties: false },
)
