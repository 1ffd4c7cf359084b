import { type Static, Type } from 'typebox'
import { Email, Id, Instant, Nullable, Paragraphs, Ref, Strict } from '../../core/shapes/fields.ts'
import { PageOf, PageQuery } from '../../core/shapes/pagination.ts'

export const LeadStatus = Type.Enum(['new', 'contacted', 'qualified', 'won', 'lost', 'archived', 'spam'])
export type LeadStatus = Static<typeof LeadStatus>

/** A lead as staff read it. */
export const Lead = Strict(
  {
    id: Id,
    formId: Id,
    formSlug: Type.String(),
    formVersion: Type.Integer({ minimum: 1 }),
    email: Type.String(),
    data: Type.Record(Type.String(), Type.Unknown(), { description: 'The validated answers, by field name.' }),
    score: Nullable(Type.Integer()),
    outcome: Nullable(Type.String()),
    status: LeadStatus,
    createdAt: Instant,
    updatedAt: Instant,
  },
  { $id: 'Lead' },
)
export type Lead = Static<typeof Lead>

export const LeadPage = PageOf(Ref(Lead), 'LeadPage')

const filters = {
  formId: Type.Optional(Id),
  status: Type.Optional(LeadStatus),
}

export const LeadQuery = Type.Object({ ...PageQuery.properties, ...filters, email: Type.Optional(Email) })
export type LeadQuery = Static<typeof LeadQuery>

export const LeadParams = Strict({ id: Id })

export const LeadStatusInput = Strict({ status: LeadStatus }, { $id: 'LeadStatusInput' })

/** What staff wrote about a lead. */
export const LeadNote = Strict(
  {
    id: Id,
    author: Type.String({ description: 'The name of the API key it was written with.' }),
    body: Type.String(),
    createdAt: Instant,
  },
  { $id: 'LeadNote' },
)
export type LeadNote = Static<typeof LeadNote>

export const LeadNotePage = PageOf(Ref(LeadNote), 'LeadNotePage')

export const LeadNoteInput = Strict({ body: Paragraphs(10_000) }, { $id: 'LeadNoteInput' })

export const LeadQuota = Strict(
  {
    period: Type.String({ description: 'YYYY-MM, in the time zone of the tenant.' }),
    used: Type.Integer({ minimum: 0 }),
    limit: Nullable(Type.Integer({ minimum: 0, description: 'null: none.' })),
    resetsAt: Type.String({ format: 'date-time', description: 'When the next month begins.' }),
  },
  { $id: 'LeadQuota' },
)
export type LeadQuota = Static<typeof LeadQuota>

export const LeadExportQuery = Type.Object({
  ...filters,
  format: Type.Optional(
    Type.Enum(['csv', 'json'], {
      default: 'csv',
      description: 'csv: RFC 4180 in UTF-8 with a byte order mark. json: an array of leads.',
    }),
  ),
})
export type LeadExportQuery = Static<typeof LeadExportQuery>
