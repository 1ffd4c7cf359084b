import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { httpClient } from './http-client.ts'
import { isRunning, until } from './processes.ts'
import { startServerProcess } from './server-process.ts'
import { createTenantWithForm, workerPool } from './tenant-with-form.ts'

it('the server of a system test serves, starts again where it was, and leaves nothing behind', async () => {
  const server = await startServerProcess({ policies: { 'leads.submit': { rules: { burst: 'off' } } } })
  onTestFinished(server.remove)
  const client = httpClient()
  onTestFinished(client.close)
  const pool = workerPool(server)
  const tenant = await createTenantWithForm(pool)
  await pool.end()

  const postgres = server.postgresProcesses()
  expect(postgres[0]).toBe(server.postmaster())
  expect(postgres.length).toBeGreaterThan(1)
  const { host } = server.connection('rempart_app')

  server.signal('SIGTERM')
  expect(await server.ended()).toEqual({ code: 0, signal: null })
  expect(server.postmaster()).toBeUndefined()
  await server.start()

  const answer = await client.call(`${server.url}/api/v1/leads/forms/${tenant.form.id}/submit`, {
    headers: { 'x-tenant-id': tenant.id },
    json: { email: 'ada@example.org', data: { who: 'Ada' } },
  })
  expect(answer.status).toBe(201)
  await until(() => server.logs.filter(({ msg }) => msg === 'listening').length === 2)

  const later = server.postgresProcesses()
  await server.remove()
  expect(later.filter(isRunning)).toEqual([])
  expect([dirname(server.dataDir), host].filter(existsSync)).toEqual([])
})
