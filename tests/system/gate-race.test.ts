import { expect, it, onTestFinished } from 'vitest'
import { createApiKey } from '../../packages/server/src/modules/api-keys/service.ts'
import { findTenant } from '../../packages/server/src/modules/tenants/service.ts'
import { type Answer, httpClient } from '../support/http-client.ts'
import { startServerProcess } from '../support/server-process.ts'
import { workerPool } from '../support/tenant-with-form.ts'

/** One secret for both processes, as an installation of several has. */
const REMPART_SECRET_KEY = 'v9!Kq2#mZr8$Lw5%Tn1^Xb4&Hc7*Jd0(Pf3)Gs6'
const policies = { 'gates.register': { rules: { burst: 'off' } } }

it('gives 125 places to 200 who come at once to two processes on one database, and lets the others wait in a row', async () => {
  const first = await startServerProcess({ env: { REMPART_SECRET_KEY }, policies })
  onTestFinished(first.remove)
  const { host, port } = first.connection('rempart_app')
  const url = (role: string) => `postgres://${role}@localhost/rempart?host=${encodeURIComponent(host)}&port=${port}`
  const second = await startServerProcess({
    env: {
      REMPART_SECRET_KEY,
      REMPART_DATABASE_URL: url('rempart_app'),
      REMPART_DATABASE_WORKER_URL: url('rempart_worker'),
      REMPART_DEFAULT_TENANT: 'demo',
    },
    policies,
  })
  onTestFinished(second.remove)

  const pool = workerPool(first)
  onTestFinished(() => pool.end())
  const demo = await findTenant(pool, 'demo')
  const { token } = await createApiKey(pool, demo?.id ?? '', { name: 'site', scopes: ['gates:register', 'gates:read'] })
  const headers = { authorization: `Bearer ${token}` }
  const clients = Array.from({ length: 40 }, () => httpClient())
  onTestFinished(() => clients.forEach((client) => void client.close()))
  const register = (index: number, email: string): Promise<Answer> => {
    const server = index % 2 === 0 ? first : second
    const client = clients[index % clients.length] ?? httpClient()
    return client.call(`${server.url}/api/v1/gate125/register`, { json: { email }, headers })
  }

  const answers = await Promise.all(Array.from({ length: 200 }, (_, index) => register(index, `v${index}@example.org`)))
  expect(answers.filter(({ status }) => status !== 201)).toEqual([])
  const receipts = answers.map((answer) => answer.json())
  expect(new Set(receipts.map(({ id }) => id)).size).toBe(200)
  expect(receipts.filter(({ status }) => status === 'registered')).toHaveLength(125)
  const positions = receipts.flatMap(({ position }) => (typeof position === 'number' ? [position] : []))
  expect(positions.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 75 }, (_, index) => index + 1))

  // Each asks once more, of the other process, and is told the same.
  const again = await Promise.all(answers.map((_, index) => register(index + 1, `V${index}@EXAMPLE.org`)))
  expect(again.map(({ text }) => text)).toEqual(answers.map(({ text }) => text))
  const gate = await clients[0]?.call(`${second.url}/api/v1/gates/gate125`, { headers })
  expect(gate?.json()).toMatchObject({ capacity: 125, registered: 125, waitlisted: 75 })
})
