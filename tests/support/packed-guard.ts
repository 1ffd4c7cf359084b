import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

/** The guard as npm is given it. */
export interface PackedGuard {
  /** The package's files, laid out. */
  readonly directory: string
  readonly tarball: string
  readonly manifest: Readonly<Record<string, unknown>> & {
    readonly exports: Readonly<Record<string, Readonly<Record<string, string>> | string>>
  }
  /** What a program may import, such as `./redis`. */
  readonly entries: readonly string[]
  /** The built files that an entry loads. */
  filesOf(entry: string): readonly string[]
  /** Puts the tarball into an empty project without asking a registry, and says where. */
  install(): string
}

/** Builds and packs the guard within a directory of the test's own. */
export function packGuard(work: string): PackedGuard {
  const directory = join(work, 'package')
  execFileSync(process.execPath, ['scripts/build-guard.ts', directory], { stdio: ['ignore', 'ignore', 'inherit'] })
  const pack = ['pack', '--json', '--pack-destination', work]
  const [report] = JSON.parse(execFileSync('npm', pack, { cwd: directory, encoding: 'utf8' }))
  const tarball = join(work, report.filename)
  const manifest: PackedGuard['manifest'] = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))

  return {
    directory,
    tarball,
    manifest,
    entries: Object.keys(manifest.exports).filter((name) => name !== './package.json'),
    filesOf(entry) {
      const target = manifest.exports[entry]
      return typeof target === 'object' ? reach(join(directory, target['default'] ?? '')) : []
    },
    install() {
      const home = mkdtempSync(join(work, 'home-'))
      writeFileSync(join(home, 'package.json'), '{ "private": true, "type": "module" }')
      const flags = ['--offline', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel', 'error']
      execFileSync('npm', ['install', tarball, ...flags], { cwd: home, stdio: ['ignore', 'ignore', 'inherit'] })
      return home
    },
  }
}

/** What a built file loads when it is loaded. */
export function importsOf(file: string): readonly string[] {
  const text = readFileSync(file, 'utf8')
  return [...text.matchAll(/^(?:import|export)\b[^'"]*?["']([^"']+)["'];?$/gm)].map(([, specifier = '']) => specifier)
}

function reach(first: string): readonly string[] {
  const files = new Set<string>()
  const visit = (file: string): void => {
    if (files.has(file)) return
    files.add(file)
    for (const specifier of importsOf(file)) {
      if (specifier.startsWith('.')) visit(resolve(dirname(file), specifier))
    }
  }
  visit(first)
  return [...files]
}

/** This process's Node, and the machine's own when there is another. */
export function runtimes(): readonly (readonly [version: string, node: string])[] {
  const candidates = [process.execPath, '/usr/bin/node', '/usr/local/bin/node'].filter((path) => existsSync(path))
  const named = candidates.map(
    (path) => [execFileSync(path, ['--version'], { encoding: 'utf8' }).trim(), path] as const,
  )
  return named.filter(([version], index) => named.findIndex(([other]) => other === version) === index)
}

/** Gives a project packages of this workspace, as if they were installed beside. */
export function lend(home: string, packages: readonly string[]): void {
  for (const name of packages) {
    const link = join(home, 'node_modules', name)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(resolve('node_modules', name), link)
  }
}

/**
 * Type-checks a program in a project as a stranger would: strictly, and the declarations it reaches too.
 *
 * @throws Error with the compiler's words.
 */
export function compile(home: string, program: string, resolution: readonly string[]): void {
  writeFileSync(join(home, 'program.ts'), program)
  const strict = ['--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess', '--skipLibCheck', 'false']
  const types = ['--typeRoots', resolve('node_modules/@types'), '--types', 'node']
  const compiler = [resolve('node_modules/.bin/tsc'), '--ignoreConfig', '--noEmit', '--target', 'es2022']
  try {
    execFileSync(process.execPath, [...compiler, ...strict, ...types, ...resolution, 'program.ts'], {
      cwd: home,
      encoding: 'utf8',
    })
  } catch (error) {
    if (error instanceof Error && 'stdout' in error) throw new Error(String(error.stdout))
    throw error
  }
}
