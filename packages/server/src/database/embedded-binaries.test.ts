import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { locateBinaries, prepareBinaries } from './embedded-binaries.ts'
import { currentUser, unprivilegedUser } from './embedded-user.ts'

const isRoot = process.geteuid?.() === 0

/** The package as npm leaves it when install scripts are blocked: without a single link. */
async function packageWithoutLinks() {
  const { root, version } = await locateBinaries()
  const directory = mkdtempSync(join(tmpdir(), 'rempart-binaries-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  cpSync(root, join(directory, 'package'), {
    recursive: true,
    filter: (path) => !(lstatSync(path).isSymbolicLink() || path.endsWith('.a')),
  })
  return { directory, source: { root: join(directory, 'package'), version } }
}

const versionSaid = (program: string, identity = {}) =>
  execFileSync(program, ['--version'], { ...identity, cwd: '/', encoding: 'utf8' })

describe('the PostgreSQL programs', () => {
  it('run from the package itself when its install script was blocked', async () => {
    const { directory, source } = await packageWithoutLinks()
    chmodSync(directory, 0o755)
    const copies = join(directory, 'copies')
    const binaries = await prepareBinaries({ source, user: currentUser(), copies, say: () => {} })

    expect(binaries).toMatchObject({ postgres: join(source.root, 'native/bin/postgres'), major: '18' })
    expect(versionSaid(binaries.postgres)).toContain('PostgreSQL) 18')
    expect(versionSaid(binaries.initdb)).toContain('PostgreSQL) 18')
    expect(existsSync(copies)).toBe(false)
  })

  it.runIf(isRoot)('are copied, once and said, to where a user who cannot reach the package runs them', async () => {
    const { directory, source } = await packageWithoutLinks()
    const copies = mkdtempSync(join(tmpdir(), 'rempart-copies-'))
    onTestFinished(() => rmSync(copies, { recursive: true }))
    const umask = process.umask(0o077)
    onTestFinished(() => void process.umask(umask))
    const user = unprivilegedUser()
    const said: string[] = []
    const prepare = () => prepareBinaries({ source, user, copies, say: (msg) => said.push(msg) })

    const both = await Promise.all([prepare(), prepare()])
    const again = await prepare()

    expect(new Set([...both, again].map(({ postgres }) => postgres)).size).toBe(1)
    expect(again.postgres.startsWith(`${copies}/`)).toBe(true)
    expect(readdirSync(copies)).toHaveLength(1)
    expect(said).toHaveLength(2)
    const identity = { uid: user.uid, gid: user.gid }
    expect(versionSaid(again.postgres, identity)).toContain('PostgreSQL) 18')
    expect(versionSaid(again.initdb, identity)).toContain('PostgreSQL) 18')
    expect(existsSync(join(directory, 'package'))).toBe(true)
  })
})
