import { type Static, Type } from 'typebox'
import { type AuditAction, auditActions } from '../../core/audit/actions.ts'
import { Id, Instant, Nullable, Ref, Strict } from '../../core/shapes/fields.ts'
import { NumberedPageQuery, PageOf } from '../../core/shapes/pagination.ts'

const Action = Type.Unsafe<AuditAction>({ type: 'string', enum: [...auditActions] })
const Seq = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
const Hash = Type.String({ pattern: '^[0-9a-f]{64}$', description: 'SHA-256', examples: ['3a'.repeat(32)] })
const Values = Type.Record(Type.String(), Type.Unknown())

/** Who did what to what, and what came of it. */
export const AuditEntry = Strict(
  {
    seq: Type.Integer({ minimum: 1, description: 'Its place in the log of the tenant: from 1, without a gap.' }),
    at: Instant,
    actor: Strict({
      kind: Type.String({ description: '`public`, `user`, `api-key`, `operator` or `system`.' }),
      id: Nullable(Type.String()),
    }),
    action: Type.String(),
    resource: Nullable(Strict({ type: Type.String(), id: Type.String() })),
    outcome: Type.String({ description: '`done`, or `refused`: it was tried and not done.' }),
    requestId: Type.String(),
    changes: Values,
    subjectId: Nullable(Id),
    personal: Nullable(Type.Record(Type.String(), Type.Unknown(), { description: 'Null once the person was erased.' })),
    client: Nullable(
      Strict(
        { address: Type.String(), userAgent: Nullable(Type.String()) },
        { description: 'Null once the retention of the month’s addresses has ended.' },
      ),
    ),
    hash: Hash,
  },
  { $id: 'AuditEntry' },
)
export type AuditEntry = Static<typeof AuditEntry>

export const AuditPage = PageOf(Ref(AuditEntry), 'AuditPage')

/** What a number of JavaScript holds: further on no chain comes. */
const inChain = { maximum: Number.MAX_SAFE_INTEGER }

export const AuditQuery = Type.Object({
  ...NumberedPageQuery.properties,
  cursor: Type.Optional(Type.Integer({ ...inChain, minimum: 1, description: 'The nextCursor of the reply before.' })),
  action: Type.Optional(Action),
  actorId: Type.Optional(Type.String({ minLength: 1, maxLength: 64, pattern: '^[\\w:.-]+$' })),
  resourceType: Type.Optional(Type.String({ pattern: '^[a-z][a-z0-9-]{0,39}$' })),
  resourceId: Type.Optional(Type.String({ minLength: 1, maxLength: 200, pattern: '^[\\w:.-]+$' })),
  from: Type.Optional(Type.String({ format: 'date-time', description: 'From this instant on.' })),
  to: Type.Optional(Type.String({ format: 'date-time', description: 'Before this instant.' })),
})
export type AuditQuery = Static<typeof AuditQuery>

export const AuditVerifyQuery = Type.Object({
  after: Type.Optional(
    Type.Integer({
      ...inChain,
      minimum: 0,
      description: 'Goes on behind this entry: the nextAfter of the reply before, or the checkedTo of an earlier day.',
    }),
  ),
})

/** How far the log had come, signed. */
export const AuditHead = Strict(
  {
    seq: Type.Integer({ minimum: 1 }),
    hash: Hash,
    signedAt: Instant,
    kid: Type.String(),
    signature: Type.String({ description: 'Ed25519, base64url.' }),
  },
  { $id: 'AuditHead' },
)
export type AuditHead = Static<typeof AuditHead>

export const AuditHeads = Strict(
  {
    items: Type.Array(Ref(AuditHead)),
    nextCursor: Nullable(Type.String()),
    keys: Type.Array(
      Strict({ kty: Type.Literal('OKP'), crv: Type.Literal('Ed25519'), x: Type.String(), kid: Type.String() }),
      {
        description: 'What heads are signed with. Keep it elsewhere, and verify with that copy.',
      },
    ),
  },
  { $id: 'AuditHeads' },
)
export type AuditHeads = Static<typeof AuditHeads>

export const AuditHeadsQuery = Type.Object({
  pageSize: NumberedPageQuery.properties.pageSize,
  cursor: Type.Optional(Type.Integer({ ...inChain, minimum: 1, description: 'The nextCursor of the reply before.' })),
})

/** What a walk along the chain has found. */
export const AuditVerdict = Strict(
  {
    verdict: Type.Union(
      [Type.Literal('whole'), Type.Literal('altered'), Type.Literal('truncated'), Type.Literal('head-altered')],
      {
        description:
          '`whole`: so far. `altered`: the entry `at` was edited, is missing or was moved. `truncated`: entries up to `at` were signed, or named as checked before, and are gone. `head-altered`: the signed head of `at` is not what was signed.',
      },
    ),
    at: Nullable(Seq),
    checkedFrom: Seq,
    checkedTo: Seq,
    signedTo: Type.Integer({ minimum: 0, description: 'What lies up to here cannot have been rewritten as a whole.' }),
    nextAfter: Nullable(Type.Integer({ description: 'There is more to check behind this entry; null: that was all.' })),
  },
  { $id: 'AuditVerdict' },
)
export type AuditVerdict = Static<typeof AuditVerdict>
