import { statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, inject, it } from 'vitest'
import { asOwner } from '../../server/src/testing/database.ts'
import { commandLine } from './testing/installation.ts'

const { run, dataDir } = commandLine()

describe('an external database', () => {
  it('is prepared by psql, migrated by its owner, and used by its worker', async () => {
    const { host, port } = inject('database')
    const name = `cli_${process.pid}`
    const as = (role: string) => `postgres://${role}@localhost/${name}?host=${encodeURIComponent(host)}&port=${port}`
    const env = {
      REMPART_DATABASE_URL: as('rempart_app'),
      REMPART_DATABASE_WORKER_URL: as('rempart_worker'),
      REMPART_SECRET_KEY: 'v9!Kq2#mZr8$Lw5%Tn1^Xb4&Hc7*Jd0(Pf3)Gs6',
    }
    const administrator = { host, port, user: 'rempart_owner', database: 'postgres' }
    await asOwner(administrator, `create database ${name}`)
    try {
      const early = await run(['tenant', 'list'], { env })
      expect([early.code, early.stderr]).toEqual([1, expect.stringContaining('The database lacks')])
      const ownerless = await run(['migrate'], { env })
      expect([ownerless.code, ownerless.stderr]).toEqual([1, expect.stringContaining('REMPART_DATABASE_OWNER_URL')])

      const migrated = await run(['migrate'], { env: { ...env, REMPART_DATABASE_OWNER_URL: as('rempart_owner') } })
      expect([migrated.code, migrated.stdout]).toEqual([0, expect.stringContaining('applied 0001_tenants\n')])
      const again = await run(['migrate'], { env: { ...env, REMPART_DATABASE_OWNER_URL: as('rempart_owner') } })
      expect(again.stdout).toBe('The database is up to date.\n')

      expect((await run(['tenant', 'create', 'first'], { env })).code).toBe(0)
      expect((await run(['tenant', 'list'], { env })).stdout).toMatch(/^first /m)
      const nameless = await run(['leads', 'list'], { env })
      expect([nameless.code, nameless.stderr]).toEqual([1, expect.stringContaining('use --tenant')])
      const { REMPART_DATABASE_WORKER_URL: _worker, ...withoutWorker } = env
      const refused = await run(['tenant', 'list'], { env: withoutWorker })
      expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('REMPART_DATABASE_WORKER_URL')])
    } finally {
      await asOwner(administrator, `drop database ${name} with (force)`)
    }
  }, 60_000)

  it('gets its roles from a script that is printed alone, whatever the settings', async () => {
    const reply = await run(['database', 'init', '--database', 'shop'], { env: { REMPART_PORT: 'none' } })
    expect([reply.code, reply.stdout]).toEqual([0, expect.stringMatching(/^\\set ON_ERROR_STOP on\n[\s\S]*shop/)])
    expect(reply.stdout).not.toContain('psql')
  })
})

it('works without a server as well, and leaves nothing running', async () => {
  const first = await run(['tenant', 'create', 'solo'])
  expect(first).toMatchObject({ code: 0, stderr: expect.stringContaining('A new database was made in') })
  const second = await run(['tenant', 'list'])
  expect(second).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/^solo /m) })
  expect(statSync(join(dataDir, 'postgres', 'PG_VERSION')).isFile()).toBe(true)
  expect(() => statSync(join(dataDir, 'postgres', 'postmaster.pid'))).toThrow('ENOENT')
}, 60_000)
