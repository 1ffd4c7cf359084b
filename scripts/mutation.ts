import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { record } from '../bench/support.ts'
import { mutationScopes } from './mutation-scopes.ts'
import { startMutationServer } from './mutation-servers.ts'

/**
 * Changes the guard in one place at a time and counts the changes that no test notices. The first argument is a scope
 * of `mutation-scopes.ts`, the others are the files of it to run (all by default); what has not changed since the last
 * run is not run again. The figures go to `bench/results/mutation.json`. Fails below the threshold in `stryker.config.json`.
 */

type Status = 'Killed' | 'Timeout' | 'Survived' | 'NoCoverage' | 'RuntimeError' | 'CompileError' | 'Ignored' | 'Pending'

interface Report {
  readonly files: Readonly<Record<string, { readonly mutants: readonly { readonly status: Status }[] }>>
}

const [scope = 'rules', ...files] = process.argv.slice(2)
const chosen = mutationScopes[scope]
if (chosen === undefined) throw new Error(`no scope "${scope}": one of ${Object.keys(mutationScopes).join(', ')}`)

const mutate = files.length > 0 ? files : [...chosen.mutate, '!**/*.test.ts']
const incrementalFile = reportOf(scope)
const server = await startMutationServer(scope)
const run = spawn(
  'node_modules/.bin/stryker',
  ['run', '--mutate', mutate.join(','), '--incrementalFile', incrementalFile],
  { stdio: 'inherit', detached: true, env: { ...process.env, REMPART_MUTATION_SCOPE: scope, ...server.environment } },
)
// Told to end once, Stryker keeps what it has done, and the next run goes on from there: hence a group of its own.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => run.kill(signal))
const [status] = await once(run, 'exit')
await server.stop()
process.exitCode = typeof status === 'number' ? status : 1

record('mutation', {
  versions: { stryker: versionOf('@stryker-mutator/core'), vitest: versionOf('vitest') },
  threshold: JSON.parse(readFileSync('stryker.config.json', 'utf8')).thresholds.break,
  scopes: Object.fromEntries(
    Object.keys(mutationScopes)
      .filter((name) => existsSync(reportOf(name)))
      .map((name) => [name, figuresOf(JSON.parse(readFileSync(reportOf(name), 'utf8')))]),
  ),
})

function reportOf(name: string): string {
  return `.stryker/${name}.json`
}

function versionOf(name: string): string {
  return JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8')).version
}

/** The figures of each file, and of them together. */
function figuresOf({ files }: Report) {
  const named = Object.entries(files).sort(([left], [right]) => (left < right ? -1 : 1))
  return {
    all: count(named.flatMap(([, { mutants }]) => mutants)),
    files: Object.fromEntries(named.map(([name, { mutants }]) => [name, count(mutants)])),
  }
}

function count(mutants: readonly { readonly status: Status }[]) {
  const having = (...statuses: Status[]) => mutants.filter(({ status }) => statuses.includes(status)).length
  const [killed, timedOut, survived, uncovered] = [
    having('Killed'),
    having('Timeout'),
    having('Survived'),
    having('NoCoverage'),
  ]
  const total = killed + timedOut + survived + uncovered
  const score = total === 0 ? null : Math.round(((killed + timedOut) / total) * 1_000) / 10
  return { mutants: total, killed, timedOut, survived, uncovered, score }
}
