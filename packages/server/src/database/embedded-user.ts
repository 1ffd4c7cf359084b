import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { noOsUser } from './embedded-error.ts'

/** A user the operating system knows by name: PostgreSQL and peer authentication both need the name. */
export interface OsUser {
  readonly uid: number
  readonly gid: number
  readonly name: string
}

/**
 * The user this process runs as.
 *
 * @throws EmbeddedDatabaseError `no-os-user` when the uid has no entry in the user database, as under an
 * arbitrary uid in a container.
 */
export function currentUser(): OsUser {
  try {
    const { uid, gid, username } = userInfo()
    return { uid, gid, name: username }
  } catch (error) {
    throw noOsUser(`the uid ${process.geteuid?.() ?? '?'} has none`, error)
  }
}

/**
 * The user PostgreSQL runs as when this process is root, which PostgreSQL refuses to be.
 *
 * @throws EmbeddedDatabaseError `no-os-user` on a system without the user `nobody`.
 */
export function unprivilegedUser(): OsUser {
  const user = lookUp('nobody')
  if (user === undefined) throw noOsUser('this process is root, and there is no user "nobody" to run PostgreSQL as')
  return user
}

/** The named user with this uid; absent when the system does not know one. */
export function userWithId(uid: number): OsUser | undefined {
  return lookUp(String(uid))
}

function lookUp(nameOrUid: string): OsUser | undefined {
  return fromPasswd(readPasswd(), nameOrUid) ?? fromDirectory(nameOrUid)
}

/** The entry of a passwd(5) text whose name or uid is `nameOrUid`. Negative ids, as on macOS, are 32-bit unsigned. */
export function fromPasswd(text: string, nameOrUid: string): OsUser | undefined {
  for (const line of text.split('\n')) {
    const [name = '', , uid = '', gid = ''] = line.split(':')
    if (name.startsWith('#') || !(/^-?\d+$/.test(uid) && /^-?\d+$/.test(gid))) continue
    if (name === nameOrUid || String(Number(uid) >>> 0) === nameOrUid) {
      return { uid: Number(uid) >>> 0, gid: Number(gid) >>> 0, name }
    }
  }
  return undefined
}

function readPasswd(): string {
  try {
    return readFileSync('/etc/passwd', 'utf8')
  } catch {
    return ''
  }
}

/** Users that live elsewhere than in /etc/passwd (LDAP, macOS directory services). */
function fromDirectory(nameOrUid: string): OsUser | undefined {
  const ask = (flag: string) =>
    execFileSync('id', [flag, '--', nameOrUid], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  try {
    return { uid: Number(ask('-u')) >>> 0, gid: Number(ask('-g')) >>> 0, name: ask('-un') }
  } catch {
    return undefined
  }
}
