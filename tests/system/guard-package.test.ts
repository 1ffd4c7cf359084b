import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { gzipSync } from 'node:zlib'
import { publint } from 'publint'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { until } from '../support/processes.ts'
import { readSnippets } from '../support/readme-snippets.ts'

/** What each entry may weigh with all it leads to, comments included, in KiB of gzip. */
const bounds: Readonly<Record<string, number>> = {
  '.': 100,
  './fastify': 50,
  './express': 50,
  './nest': 50,
  './hono': 50,
  './fetch': 50,
  './node': 50,
  './compat': 25,
}

const work = mkdtempSync(join(tmpdir(), 'rempart-package-'))
const packed = join(work, 'package')
let tarball = ''
let manifest: { readonly exports: Record<string, Record<string, string> | string>; readonly [name: string]: unknown }

beforeAll(() => {
  execFileSync(process.execPath, ['scripts/build-guard.ts', packed], { stdio: ['ignore', 'ignore', 'inherit'] })
  const [report] = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--pack-destination', work], { cwd: packed, encoding: 'utf8' }),
  )
  tarball = join(work, report.filename)
  manifest = JSON.parse(readFileSync(join(packed, 'package.json'), 'utf8'))
}, 120_000)
afterAll(() => rmSync(work, { recursive: true, force: true }))

describe('the published package', () => {
  it('has no runtime dependency, and asks for no framework that is not used', () => {
    expect(manifest['dependencies']).toBeUndefined()
    expect(manifest['optionalDependencies']).toBeUndefined()
    const peers = Object.keys(manifest['peerDependencies'] ?? {}).sort()
    const optional = Object.entries(manifest['peerDependenciesMeta'] ?? {}).filter(([, meta]) => meta.optional)
    expect(optional.map(([name]) => name).sort()).toEqual(peers)
  })

  it('imports nothing at run time but itself and Node', () => {
    for (const name of Object.keys(manifest.exports)) {
      for (const file of reachedBy(name)) {
        for (const specifier of importsOf(file)) {
          expect([file, specifier, /^(?:\.{1,2}\/|node:)/.test(specifier)]).toEqual([file, specifier, true])
        }
      }
    }
  })

  it('passes publint without a word, and holds no source and no test', async () => {
    const { messages } = await publint({ pkgDir: packed, pack: false, strict: true })
    expect(messages).toEqual([])
    const listing = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).trim().split('\n')
    expect(listing).toContain('package/README.md')
    expect(listing).toContain('package/LICENSE')
    expect(listing.filter((file) => /\/src\/|test|contract|(?<!\.d)\.ts$/.test(file))).toEqual([])
  })

  it('weighs no more than it may', () => {
    const weights = Object.keys(bounds).map((name) => {
      const text = reachedBy(name).map((file) => readFileSync(file))
      return [name, Math.round((gzipSync(Buffer.concat(text)).length / 1_024) * 10) / 10] as const
    })
    process.stdout.write(`gzip KiB: ${weights.map(([name, weight]) => `${name} ${weight}`).join(', ')}\n`)
    for (const [name, weight] of weights) expect([name, weight <= (bounds[name] ?? 0)]).toEqual([name, true])
  })

  it('types every entry for a stranger’s compiler', () => {
    const home = install()
    const lines = Object.keys(manifest.exports)
      .filter((name) => name !== './package.json')
      .map((name, index) => `import * as entry${index} from '@rempart/guard${name.slice(1)}'\nexport { entry${index} }`)
    writeFileSync(join(home, 'all.ts'), lines.join('\n'))
    const options = [
      '--ignoreConfig',
      '--noEmit',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2022',
      '--skipLibCheck',
    ]
    const types = ['--typeRoots', resolve('node_modules/@types'), '--types', 'node']
    execFileSync(process.execPath, [resolve('node_modules/.bin/tsc'), ...options, ...types, join(home, 'all.ts')], {
      stdio: 'inherit',
      cwd: home,
    })
  })

  it.each(runtimes())(
    'is installed without a registry and serves the README’s first program on %s',
    async (_name, node) => {
      const home = install()
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
    const home = install()
    writeFileSync(join(home, 'slots.mjs'), brokenPipeline)
    expect(execFileSync(node, ['slots.mjs'], { cwd: home, encoding: 'utf8', timeout: 30_000 })).toBe('429 then free')
  })
})

/** Three requests in one write wait for an answer when their connection breaks: their slots have to come back. */
const brokenPipeline = `
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { nodeGuard } from '@rempart/guard/node'

const slots = { id: 'slots', rules: [{ id: 'at-once', kind: 'concurrency', by: 'ip', slots: 3, lease: '10m' }] }
const protect = nodeGuard({ policies: [slots], fallback: 'slots' })
let waiting = 0
const server = createServer(protect(({ url }, response) => {
  if (url === '/wait') waiting += 1
  else response.end()
}))
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
const { port } = server.address()
const client = connect(port, '127.0.0.1')
client.write('GET /wait HTTP/1.1\\r\\nhost: localhost\\r\\n\\r\\n'.repeat(3))
while (waiting < 3) await setTimeout(5)
const full = await fetch('http://127.0.0.1:' + port)
client.destroy()
for (let tries = 0; tries < 200; tries += 1) {
  const answers = await Promise.all([1, 2, 3].map(() => fetch('http://127.0.0.1:' + port)))
  if (answers.every(({ status }) => status === 200)) {
    process.stdout.write(full.status + ' then free')
    process.exit(0)
  }
  await setTimeout(10)
}
process.stdout.write('the slots did not come back')
process.exit(1)
`

/** An empty project with the tarball in it. */
function install(): string {
  const home = mkdtempSync(join(work, 'home-'))
  writeFileSync(join(home, 'package.json'), '{ "private": true, "type": "module" }')
  const flags = ['--offline', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel', 'error']
  execFileSync('npm', ['install', tarball, ...flags], { cwd: home, stdio: ['ignore', 'ignore', 'inherit'] })
  return home
}

/** This process's Node, and the machine's own when there is another. */
function runtimes(): readonly (readonly [name: string, node: string])[] {
  const candidates = [process.execPath, '/usr/bin/node', '/usr/local/bin/node'].filter((path) => existsSync(path))
  const named = candidates.map(
    (path) => [execFileSync(path, ['--version'], { encoding: 'utf8' }).trim(), path] as const,
  )
  return named.filter(([version], index) => named.findIndex(([other]) => other === version) === index)
}

function importsOf(file: string): readonly string[] {
  const text = readFileSync(file, 'utf8')
  return [...text.matchAll(/^(?:import|export)\b[^'"]*?["']([^"']+)["'];?$/gm)].map(([, specifier = '']) => specifier)
}

/** The files that an entry loads. */
function reachedBy(entry: string): readonly string[] {
  const target = manifest.exports[entry]
  const files = new Set<string>()
  const visit = (file: string): void => {
    if (files.has(file)) return
    files.add(file)
    for (const specifier of importsOf(file)) {
      if (specifier.startsWith('.')) visit(resolve(dirname(file), specifier))
    }
  }
  if (typeof target === 'object') visit(join(packed, target['default'] ?? ''))
  return [...files]
}
