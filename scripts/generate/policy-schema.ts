import { policyFileSchema } from '../../packages/guard/src/policy-file/schema-source.ts'

/** The JSON Schema of a policy file, which editors complete and check by. */
export function policySchema(): string {
  return `${JSON.stringify(policyFileSchema(), null, 2)}\n`
}
