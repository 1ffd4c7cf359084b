import { type Static, Type } from 'typebox'
import { Instant, Nullable, Ref, Strict } from '../../core/shapes/fields.ts'

const RuleId = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$' })

/** The figures that a tenant has for one rule. */
const RuleFigures = Type.Record(
  Type.String({ maxLength: 64 }),
  Type.Union([Type.Integer(), Type.String({ maxLength: 64 })]),
  {
    maxProperties: 16,
    description: 'The fields of the rule that the tenant has otherwise: `limit`, `attempts`, `slots` …',
  },
)

export const PolicyOverrideInput = Strict(
  {
    rules: Type.Record(RuleId, RuleFigures, {
      minProperties: 1,
      maxProperties: 32,
      description: 'By rule id. Rules that are not named are the installation’s.',
      examples: [{ burst: { limit: 2 } }],
    }),
  },
  { $id: 'PolicyOverrideInput' },
)
export type PolicyOverrideInput = Static<typeof PolicyOverrideInput>

const Override = Strict({
  rules: Type.Record(Type.String(), Type.Record(Type.String(), Type.Unknown())),
  version: Type.Integer({ minimum: 1, description: 'Grows with each change.' }),
  updatedAt: Instant,
  faults: Type.Array(Strict({ path: Type.String(), message: Type.String() }), {
    description: 'Why it is not in force; empty when it is. The operator may allow less than when it was set.',
  }),
})

/** A policy as it is in force for the tenant. */
export const EffectivePolicy = Strict(
  {
    id: Type.String(),
    version: Type.String({ description: 'Names what is in force: 12 hexadecimal digits.' }),
    origin: Type.Union([Type.Literal('installation'), Type.Literal('tenant')]),
    origins: Type.Record(Type.String(), Type.String(), {
      description: 'Who said it last, by path: `code`, `preset:…`, `file` or `tenant`.',
    }),
    rules: Type.Array(Type.Record(Type.String(), Type.Unknown()), { description: 'As a policy file would say them.' }),
    override: Nullable(Override),
  },
  { $id: 'EffectivePolicy' },
)
export type EffectivePolicy = Static<typeof EffectivePolicy>

export const EffectivePolicies = Strict({ items: Type.Array(Ref(EffectivePolicy)) }, { $id: 'EffectivePolicies' })
export type EffectivePolicies = Static<typeof EffectivePolicies>

export const PolicyParams = Strict({ id: Type.String({ minLength: 1, maxLength: 64, examples: ['contact.submit'] }) })
