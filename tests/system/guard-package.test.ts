import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { publint } from 'publint'
import { build } from 'tsdown'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { brokenPipeline, listing, typedProgram } from '../support/guard-programs.ts'
import { compile, importsOf, lend, type PackedGuard, packGuard, runtimes } from '../support/packed-guard.ts'
import { until } from '../support/processes.ts'
import { readSnippets } from '../support/readme-snippets.ts'

/** What each entry may weigh with all it leads to, in KiB of gzip: a tenth more than it does. */
const bounds: Readonly<Record<string, number>> = {
  '.': 95,
  './fastify': 48,
  './express': 48,
  './nest': 48,
  './hono': 49,
  './fetch': 49,
  './node': 48,
  './compat': 24,
  './redis': 16,
  './postgres': 7,
}
const mostOfTarball = 200 * 1_024

/** Whose types an entry's own are made of: a program that uses the entry has them. */
const frameworks = ['fastify', 'express', '@types/express', 'hono', '@nestjs/common', 'express-rate-limit']
const ofFrameworks = /^\.\/(?:fastify|express|hono|nest|compat)$/

const work = mkdtempSync(join(tmpdir(), 'rempart-package-'))
let guard: PackedGuard

beforeAll(() => {
  guard = packGuard(work)
}, 120_000)
afterAll(() => rmSync(work, { recursive: true, force: true }))

describe('the published package', () => {
  it('has no runtime dependency, and asks for no framework that is not used', () => {
    const { manifest } = guard
    expect(manifest['dependencies']).toBeUndefined()
    expect(manifest['optionalDependencies']).toBeUndefined()
    const peers = Object.keys(manifest['peerDependencies'] ?? {}).sort()
    const optional = Object.entries(manifest['peerDependenciesMeta'] ?? {}).filter(([, meta]) => meta.optional)
    expect(optional.map(([name]) => name).sort()).toEqual(peers)
  })

  it('imports nothing at run time but itself and Node', () => {
    for (const name of guard.entries) {
      const files = guard.filesOf(name)
      expect(files).not.toHaveLength(0)
      for (const file of files) {
        for (const specifier of importsOf(file)) {
          expect([file, specifier, /^(?:\.{1,2}\/|node:)/.test(specifier)]).toEqual([file, specifier, true])
        }
      }
    }
  })

  it('passes publint without a word, and holds no source and no test', async () => {
    const { messages } = await publint({ pkgDir: guard.directory, pack: false, strict: true })
    expect(messages).toEqual([])
    const listing = execFileSync('tar', ['-tzf', guard.tarball], { encoding: 'utf8' }).trim().split('\n')
    expect(listing).toContain('package/README.md')
    expect(listing).toContain('package/LICENSE')
    expect(listing.filter((file) => /\/src\/|test|contract|(?<!\.d)\.ts$/.test(file))).toEqual([])
    expect(readFileSync(join(guard.directory, 'LICENSE'), 'utf8')).toMatch(/^MIT License\n/)
  })

  it('weighs no more than it may', () => {
    expect(Object.keys(bounds).sort()).toEqual([...guard.entries].sort())
    const weights = guard.entries.map((name) => {
      const text = guard.filesOf(name).map((file) => readFileSync(file))
      return [name, inKiB(gzipSync(Buffer.concat(text)).length)] as const
    })
    const { size } = statSync(guard.tarball)
    const listed = weights.map(([name, weight]) => `${name} ${weight}`)
    process.stdout.write(`gzip KiB: ${listed.join(', ')}; tarball ${inKiB(size)}\n`)
    for (const [name, weight] of weights) expect([name, weight <= (bounds[name] ?? 0)]).toEqual([name, true])
    expect(size).toBeLessThan(mostOfTarball)
  })

  it('leaves out of a bundle what its program does not use', async () => {
    expect(guard.manifest['sideEffects']).toBe(false)
    const home = guard.install()
    const names = ['createRedisStore', 'createMemoryStore, createGuard', 'createReplay, renderReport']
    const programs = names.map((name, index) => {
      const entry = index === 0 ? '@rempart/guard/redis' : '@rempart/guard'
      writeFileSync(join(home, `bundle-${index}.mjs`), `import { ${name} } from '${entry}'\nconsole.log(${name})\n`)
      return [`bundle-${index}`, `bundle-${index}.mjs`] as const
    })
    const weights: number[] = []
    for (const [name, file] of programs) {
      const outDir = join(home, `out-${name}`)
      const entry = { [name]: file }
      const quiet = { config: false, dts: false, hash: false, fixedExtension: false, logLevel: 'error' } as const
      await build({ cwd: home, entry, outDir, format: 'esm', platform: 'node', noExternal: [/./], ...quiet })
      weights.push(inKiB(gzipSync(readFileSync(join(outDir, `${name}.js`))).length))
    }
    process.stdout.write(`bundled KiB: ${names.map((name, index) => `${name} ${weights[index]}`).join('; ')}\n`)
    const [redis = 0, memory = 0, replay = 0] = weights
    expect(redis).toBeLessThan(16)
    expect(memory).toBeLessThan(33)
    expect(replay).toBeLessThan(77)
  })

  it.each([
    ['node16', ['--module', 'node16']],
    ['bundler', ['--module', 'preserve', '--moduleResolution', 'bundler']],
  ])('types every entry for a stranger’s strict compiler, resolved as %s', (_name, resolution) => {
    const home = guard.install()
    const importAll = (names: readonly string[]): string =>
      names.map((name, index) => `export * as entry${index} from '@rempart/guard${name.slice(1)}'`).join('\n')
    // Who uses no framework need not have the types of one.
    compile(home, importAll(guard.entries.filter((name) => !ofFrameworks.test(name))), resolution)
    lend(home, frameworks)
    compile(home, `${typedProgram}\n${importAll(guard.entries)}`, resolution)
  })

  it.each(runtimes())(
    'loads every entry with what its source exports, and nothing else happens, on %s',
    (_name, node) => {
      const home = guard.install()
      const { exports } = JSON.parse(run(process.execPath, ['--conditions=rempart-source'], listing, 'packages/guard'))
      expect(Object.keys(exports)).toEqual(guard.entries)
      expect(exports['.']).toEqual(
        expect.arrayContaining(['createGuard', 'createReplay', 'loadPolicyFile', 'renderReport']),
      )
      const asDeclared = { exports, added: [] }
      expect(JSON.parse(run(node, [], listing, home))).toEqual(asDeclared)
      // A CommonJS program is served by the same files.
      const required = listing.replace('await import(name)', "createRequire(process.cwd() + '/')(name)")
      expect(JSON.parse(run(node, ['--disable-warning=ExperimentalWarning'], required, home))).toEqual(asDeclared)
    },
  )

  it.each(runtimes())(
    'is installed without a registry and serves the README’s first program on %s',
    async (_name, node) => {
      const home = guard.install()
      const [first] = readSnippets()
      const program = (first?.code ?? '')
        .replace(' as const', '')
        .replace('listen(3000)', 'listen(Number(process.env.PORT))')
      const port = 20_000 + (process.pid % 20_000)
      writeFileSync(join(home, 'server.mjs'), program)
      const child = spawn(node, ['server.mjs'], {
        cwd: home,
        env: { PORT: String(port) },
        stdio: ['ignore', 'ignore', 'inherit'],
      })
      try {
        const url = `http://127.0.0.1:${port}/`
        await until(
          () =>
            fetch(`${url}health`).then(
              () => true,
              () => false,
            ),
          30_000,
        )
        const statuses: number[] = []
        for (let sent = 0; sent <= 120; sent += 1) statuses.push((await fetch(url)).status)
        expect(new Set(statuses.slice(0, -1))).toEqual(new Set([200]))
        expect(statuses.at(-1)).toBe(429)
      } finally {
        child.kill('SIGKILL')
      }
    },
  )

  it.each(runtimes())('gives the slots of a broken pipeline back on %s', (_name, node) => {
    const home = guard.install()
    writeFileSync(join(home, 'slots.mjs'), brokenPipeline)
    expect(execFileSync(node, ['slots.mjs'], { cwd: home, encoding: 'utf8', timeout: 30_000 })).toBe('429 then free')
  })
})

function run(node: string, flags: readonly string[], program: string, cwd: string): string {
  const text = program.replace('ENTRIES', JSON.stringify(guard.entries))
  return execFileSync(node, [...flags, '--input-type=module', '--eval', text], {
    cwd,
    encoding: 'utf8',
    timeout: 60_000,
  })
}

function inKiB(bytes: number): number {
  return Math.round((bytes / 1_024) * 10) / 10
}
