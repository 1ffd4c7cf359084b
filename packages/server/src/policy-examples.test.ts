import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { expect, it } from 'vitest'
import { createPolicySet } from './core/guard/policy-set.ts'
import { parsePolicyFile } from './policy-file.ts'
import { readRoutePolicies } from './route-policies.ts'

/* Every policy file that the documents show, over the routes of the server they document. */

const docs = join(import.meta.dirname, '../../../docs')
const guides = readdirSync(join(docs, 'guides')).filter((name) => name.endsWith('.md'))
const shown = guides.flatMap((name) => {
  const text = readFileSync(join(docs, 'guides', name), 'utf8')
  const blocks = [...text.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block)
  return blocks
    .filter((block) => /^version: 1$/m.test(block))
    .map((block, index) => [`${name}, ${index + 1}`, block] as const)
})
const example = readFileSync(join(docs, 'examples/rempart.policy.yaml'), 'utf8')
const schema = JSON.parse(readFileSync(join(docs, 'reference/policy.schema.json'), 'utf8'))
const validate = new Ajv({ strictRequired: false }).compile(schema)
const routes = readRoutePolicies()

it.each([['rempart.policy.yaml', example] as const, ...shown])(
  'is sound to the server and to editors: %s',
  async (name, text) => {
    const { parsed } = parsePolicyFile(name, text)
    const { base } = await routes
    expect(() => createPolicySet(base, parsed)).not.toThrow()
    expect(validate(parsed), JSON.stringify(validate.errors)).toBe(true)
  },
)

it('finds the examples', () => {
  expect(shown.length).toBeGreaterThan(4)
})
