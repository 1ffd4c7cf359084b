import { expect, it, onTestFinished } from 'vitest'
import { until } from '../support/processes.ts'
import { startServerProcess } from '../support/server-process.ts'

it('says "not ready" and still serves new connections for the shutdown delay, then leaves with code 0', async () => {
  const server = await startServerProcess({ env: { REMPART_SHUTDOWN_DELAY: '3s' } })
  onTestFinished(() => server.remove())
  server.signal('SIGTERM')
  await until(
    async () => (await fetch(`${server.url}/health/ready`, { headers: { connection: 'close' } })).status === 503,
  )
  const message = await fetch(`${server.url}/api/v1/contact`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', connection: 'close' },
    body: JSON.stringify({ name: 'Ada', email: 'ada@example.org', message: 'Just in time' }),
  })
  expect(message.status).toBe(201)
  await until(async () => (await fetch(`${server.url}/health`).catch(() => 'refused')) === 'refused', 10_000)
  expect(await server.ended()).toMatchObject({ code: 0 })
})
