import { tmpdir } from 'node:os'
import { describe, expect, it } from 'vitest'
import { EmbeddedDatabaseError, fromOutput, fromSystemError } from './embedded-error.ts'

describe('fromOutput', () => {
  it.each([
    ['disk-full', 'initdb: error: could not write to file "pg_wal/xlogtemp.1": No space left on device'],
    ['disk-full', 'FATAL:  could not write lock file "postmaster.pid": Disk quota exceeded'],
    ['wrong-version', 'DETAIL:  The data directory was initialized by PostgreSQL version 17, which is not compatible'],
    ['data-dir-not-writable', 'initdb: error: could not create directory "/data/postgres/base": Read-only file system'],
    ['start-failed', 'FATAL:  could not load server certificate file'],
    ['start-failed', ''],
  ])('tells %s from what PostgreSQL wrote: %s', async (code, output) => {
    expect(await fromOutput('postgres', output, tmpdir())).toMatchObject({ code, hint: expect.stringMatching(/\.$/) })
  })

  it('quotes the reason, not the lines around it', async () => {
    const output = '2026-01-01 LOG:  starting\n2026-01-01 [1] FATAL:  the reason\n2026-01-01 LOG:  shut down\n'
    expect((await fromOutput('postgres', output, tmpdir())).message).toBe(`postgres failed in ${tmpdir()}: the reason`)
  })
})

describe('fromSystemError', () => {
  it.each([
    ['ENOSPC', 'disk-full'],
    ['EDQUOT', 'disk-full'],
    ['EACCES', 'data-dir-not-writable'],
    ['EROFS', 'data-dir-not-writable'],
    ['ENOTDIR', 'data-dir-not-writable'],
  ])('names %s by what it means for the directory: %s', (errno, code) => {
    const cause = Object.assign(new Error(errno), { code: errno })
    expect(fromSystemError(cause, '/data')).toMatchObject({ code, cause, message: expect.stringContaining('/data') })
  })

  it('leaves an error of ours, and one it does not know, as they are', () => {
    const known = new EmbeddedDatabaseError('start-failed', 'message', 'hint')
    const unknown = new TypeError('a bug')
    expect(fromSystemError(known, '/data')).toBe(known)
    expect(fromSystemError(unknown, '/data')).toBe(unknown)
  })
})
