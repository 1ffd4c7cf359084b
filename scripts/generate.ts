import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { asvsReference, asvsReport } from './generate/asvs.ts'
import { configReference } from './generate/config-reference.ts'
import { openApiDocument } from './generate/openapi.ts'
import { personalDataReference } from './generate/personal-data.ts'
import { policySchema } from './generate/policy-schema.ts'
import { problemReference } from './generate/problem-reference.ts'
import { tableTypes } from './generate/tables.ts'

/**
 * Writes every generated file from its source; with `--check`, only says which committed file is not what its source
 * makes, and exits with 1 when there is one.
 */
const outputs: readonly (readonly [file: string, make: () => string | Promise<string>])[] = [
  ['packages/server/src/database/tables.generated.ts', tableTypes],
  ['docs/reference/config.md', configReference],
  ['docs/reference/problems.md', problemReference],
  ['docs/reference/personal-data.md', personalDataReference],
  ['docs/reference/asvs.md', asvsReference],
  ['docs/reference/asvs.json', asvsReport],
  ['docs/reference/openapi.json', openApiDocument],
  ['docs/reference/policy.schema.json', policySchema],
]

const isCheck = process.argv.includes('--check')
for (const [file, make] of outputs) {
  const text = await make()
  if (!isCheck) {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  } else if (text !== current(file)) {
    console.error(`${file} is not what its source makes: run npm run generate`)
    process.exitCode = 1
  }
}

function current(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
