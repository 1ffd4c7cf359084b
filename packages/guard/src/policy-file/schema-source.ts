import { presetNames, presets } from './presets/presets.ts'
import { matchMethods } from './schema.ts'
import { type JsonSchema, modeSchema, onStoreFailureSchema, ruleSchemas } from './schema-rules.ts'

/**
 * The JSON Schema of a policy file, for editors.
 *
 * It says the form: fields, kinds, words, bounds. What depends on more than one place (whether a policy is declared,
 * overlapping matches, what a CIDR block or a time zone is) is for the loader; a file that the loader accepts is never
 * refused here.
 */
export function policyFileSchema(): JsonSchema {
  const kinds = Object.entries(ruleSchemas)
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Rempart policy file',
    description: 'Rules of protection over the policies that routes declare, and for paths that none declares.',
    type: 'object',
    properties: {
      version: { const: 1, description: 'Of this format.' },
      extends: {
        description: `Presets that the file is laid over. ${presetNames.map((name) => `${name}: ${presets[name].about}`).join(' ')}`,
        anyOf: [{ enum: presetNames }, { type: 'array', items: { enum: presetNames }, minItems: 1, uniqueItems: true }],
      },
      policies: {
        type: 'object',
        description: 'Policies by id: those of routes, those of presets, and those with a match of their own.',
        propertyNames: { pattern: idPattern },
        additionalProperties: { $ref: '#/definitions/policy' },
      },
    },
    required: ['version'],
    anyOf: [{ required: ['policies'] }, { required: ['extends'] }],
    additionalProperties: false,
    definitions: {
      policy: policySchema,
      match: matchSchema,
      rule: {
        anyOf: [
          { const: 'off', description: 'Takes the rule away.' },
          ...kinds.map(([kind]) => ({ $ref: `#/definitions/${kind}` })),
          { $ref: '#/definitions/adjustment' },
        ],
      },
      ...Object.fromEntries(kinds.map(([kind, schema]) => [kind, kindSchema(kind, schema)])),
      adjustment: adjustmentSchema(),
    },
  }
}

const idPattern = '^[A-Za-z0-9][\\w.:-]{0,63}$'

const policySchema: JsonSchema = {
  type: 'object',
  properties: {
    match: { $ref: '#/definitions/match' },
    mode: modeSchema,
    onStoreFailure: onStoreFailureSchema,
    rules: {
      type: 'object',
      description: 'Rules by id, in the order in which they decide.',
      propertyNames: { pattern: idPattern },
      additionalProperties: { $ref: '#/definitions/rule' },
    },
  },
  additionalProperties: false,
}

const path: JsonSchema = { type: 'string', pattern: '^/[^?#\\\\\\x00-\\x20\\x7f]*$', maxLength: 512 }
const matchSchema: JsonSchema = {
  type: 'object',
  description: 'The requests the policy is for, besides those of the routes that declare it.',
  properties: {
    method: {
      description: 'One or several; absent, every one but OPTIONS. GET covers HEAD.',
      anyOf: [{ enum: matchMethods }, { type: 'array', items: { enum: matchMethods }, minItems: 1 }],
    },
    path: {
      description: 'One or several: words, ":name" for one segment, a last "*" for the rest.',
      anyOf: [path, { type: 'array', items: path, minItems: 1 }],
      examples: ['/login', '/users/:id', '/admin/*'],
    },
  },
  required: ['path'],
  additionalProperties: false,
}

/** A kind's schema as the table has it. */
type AnyKindSchema = (typeof ruleSchemas)[keyof typeof ruleSchemas]

function kindSchema(kind: string, { about, fields, required, also }: AnyKindSchema): JsonSchema {
  return {
    type: 'object',
    description: about,
    // The name of a rule is its key; one inside says nothing, and is let stand.
    properties: { kind: { const: kind }, id: true, ...fields },
    required: ['kind', ...required],
    additionalProperties: false,
    ...also,
  }
}

/** Fields of a rule that a layer below declares: any field of any kind, none of them required. */
function adjustmentSchema(): JsonSchema {
  const forms = new Map<string, JsonSchema[]>()
  for (const { fields } of Object.values(ruleSchemas)) {
    for (const [name, schema] of Object.entries<JsonSchema>(fields)) {
      const known = forms.get(name) ?? []
      if (!known.some((form) => JSON.stringify(form) === JSON.stringify(schema))) known.push(schema)
      forms.set(name, known)
    }
  }
  const properties = [...forms].map(([name, schemas]) => [name, schemas.length === 1 ? schemas[0] : { anyOf: schemas }])
  return {
    type: 'object',
    description: 'Fields of a rule that the route or a preset declares; the others keep what they say.',
    properties: { id: true, ...Object.fromEntries(properties) },
    additionalProperties: false,
  }
}
