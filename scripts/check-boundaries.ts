import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

/**
 * Checks who imports whom against `.dependency-cruiser.mjs`, and checks the checker: without a parser it reads no import
 * and reports no violation, so it must have seen nearly every file, and each rule must fire on a tree that breaks it.
 */

interface Report {
  readonly modules: readonly { readonly source: string; readonly dependencies: readonly unknown[] }[]
  readonly summary: {
    readonly violations: readonly {
      readonly from: string
      readonly to: string
      readonly rule: { readonly name: string }
    }[]
    readonly ruleSetUsed: { readonly forbidden?: readonly { readonly name: string }[] }
  }
}

/** Of the source files, those that must have been read. */
const floor = 0.98
/** Imports per file that are found in any tree of ours; a parser that fails finds none. */
const leastImports = 1

const cruiser = resolve('node_modules/.bin/depcruise')
const configuration = resolve('.dependency-cruiser.mjs')

function cruise(directory: string): Report {
  const options = [
    '--config',
    configuration,
    '--include-only',
    '^packages/|^node_modules/(kysely|pg|fastify|@fastify)/',
  ]
  const run = spawnSync(process.execPath, [cruiser, 'packages', ...options, '--output-type', 'json'], {
    cwd: directory,
    encoding: 'utf8',
    maxBuffer: 268_435_456,
  })
  if (run.stdout === '') throw new Error(`dependency-cruiser said nothing: ${run.stderr}`)
  return JSON.parse(run.stdout)
}

function shortfalls({ modules }: Report): string[] {
  const files = readdirSync('packages', { recursive: true, encoding: 'utf8' })
    .map((path) => join('packages', path))
    .filter((path) => /^packages\/[^/]+\/src\/.*\.ts$/.test(path))
  const read = new Set(modules.map((module) => module.source))
  const seen = files.filter((file) => read.has(file)).length
  const imports = modules.reduce((sum, module) => sum + module.dependencies.length, 0)
  return [
    ...(seen < files.length * floor ? [`only ${seen} of ${files.length} source files were read`] : []),
    ...(imports < files.length * leastImports ? [`only ${imports} imports were found in ${files.length} files`] : []),
  ]
}

function violations({ summary }: Report): string[] {
  return summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} → ${to}`)
}

/** The rules that a tree which breaks every one of them does not set off. */
function silentRules(): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'rempart-boundaries-'))
  try {
    for (const [file, text] of Object.entries(brokenTree)) {
      mkdirSync(join(directory, dirname(file)), { recursive: true })
      writeFileSync(join(directory, file), text)
    }
    const { summary } = cruise(directory)
    const fired = new Set(summary.violations.map((violation) => violation.rule.name))
    const rules = (summary.ruleSetUsed.forbidden ?? []).map((rule) => rule.name)
    return rules
      .filter((rule) => !fired.has(rule))
      .map((rule) => `the rule ${rule} did not fire on a tree that breaks it`)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

const brokenTree: Readonly<Record<string, string>> = {
  'tsconfig.json': '{}',
  'node_modules/kysely/package.json': '{ "name": "kysely", "main": "index.js" }',
  'node_modules/kysely/index.js': '',
  'node_modules/fastify/package.json': '{ "name": "fastify", "main": "index.js" }',
  'node_modules/fastify/index.js': '',
  'packages/cli/src/main.ts': 'export const main = 1',
  'packages/gateway/src/gateway.ts': "import 'fastify'\nexport const gateway = 1",
  'packages/guard/src/leaf.ts': [
    "import { gateway } from '../../gateway/src/gateway.ts'",
    "import type { core } from '../../server/src/core/core.ts'",
    "import './testing/naive.ts'",
    'export type Leaf = typeof core | typeof gateway',
  ].join('\n'),
  'packages/guard/src/testing/naive.ts': "import 'kysely'\nexport const naive = 1",
  'packages/server/src/core/core.ts': [
    "import { main } from '../../../cli/src/main.ts'",
    "import { one } from '../modules/one/service.ts'",
    "import { config } from '../config.ts'",
    'export const core = [main, one, config]',
  ].join('\n'),
  'packages/server/src/config.ts': 'export const config = 1',
  'packages/server/src/database/database.ts': "export { core } from '../core/core.ts'",
  'packages/server/src/modules/one/service.ts': [
    "import 'kysely'",
    "import 'fastify'",
    "import type { two } from '../two/service.ts'",
    'export const one = 1 as unknown as typeof two',
  ].join('\n'),
  'packages/server/src/modules/two/service.ts':
    "import type { one } from '../one/service.ts'\nexport const two = 1 as unknown as typeof one",
}

const report = cruise('.')
const faults = [...shortfalls(report), ...violations(report), ...silentRules()]
for (const fault of faults) console.error(fault)
console.log(`boundaries: ${report.modules.length} modules, ${faults.length} faults`)
process.exitCode = faults.length === 0 ? 0 : 1
