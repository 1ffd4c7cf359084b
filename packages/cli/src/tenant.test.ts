import { request } from 'node:http'
import { describe, expect, it } from 'vitest'
import { installation } from './testing/installation.ts'

const { run, api, server } = installation()

it('makes a tenant, sets its quota, suspends and resumes it', async () => {
  await run(['tenant', 'create', 'acme', '--name', 'Acme', '--time-zone', 'Europe/Paris', '--quota', '10'])
  const made = await run(['api-key', 'create', '-t', 'acme', '--name', 'test', '--scopes', 'leads:read'])
  const key = made.stdout.trim()
  expect(await (await api('/leads/quota', key)).json()).toMatchObject({ used: 0, limit: 10 })
  const quota = await run(['tenant', 'quota', 'acme', '--limit', 'none', '--json'])
  expect(JSON.parse(quota.stdout)).toMatchObject({ limit: null })
  await run(['tenant', 'suspend', 'acme'])
  expect((await run(['tenant', 'list'])).stdout).toMatch(/^acme +Acme +suspended/m)
  expect((await api('/leads', key)).status).toBe(403)
  await run(['tenant', 'resume', 'acme'])
  expect((await api('/leads', key)).status).toBe(200)
}, 30_000)

it('gives a tenant a domain, to which the running server answers, and takes it away again', async () => {
  await run(['tenant', 'create', 'domains'])
  const hosted = async () => {
    // fetch does not let one choose the host.
    const { port } = new URL(server.url)
    return new Promise<number>((resolve, reject) => {
      request({ port, path: '/api/v1/resources', headers: { host: 'shop.example' } }, (answer) => {
        answer.resume()
        resolve(answer.statusCode ?? 0)
      })
        .on('error', reject)
        .end()
    })
  }
  expect(await hosted()).toBe(400)
  const added = await run(['tenant', 'domains', 'domains', '--add', 'Shop.Example', '--json'])
  expect(JSON.parse(added.stdout)).toMatchObject([{ domain: 'shop.example', isVerified: true, proof: null }])
  await expect.poll(hosted, { timeout: 4_000 }).toBe(200)
  expect((await run(['tenant', 'domains', 'demo', '--add', 'shop.example'])).stderr).toContain('another tenant has')
  expect((await run(['tenant', 'domains', 'domains', '--remove', 'shop.example'])).code).toBe(0)
  await expect.poll(hosted, { timeout: 4_000 }).toBe(400)
}, 60_000)

describe.concurrent('api-key', () => {
  it('prints the key alone on standard output; it opens what it was made for, until it is revoked', async () => {
    const made = await run(['api-key', 'create', '--name', 'Site', '--scopes', 'leads:read'])
    expect(made.stdout).toMatch(/^rmp_live_\w{10}_\w{43}_\w{6}\n$/)
    expect(made.stderr).toContain('API key "Site" of the tenant "demo"')
    const key = made.stdout.trim()
    expect((await api('/leads', key)).status).toBe(200)
    expect((await api('/forms', key)).status).toBe(403)

    const revoked = await run(['api-key', 'revoke', key])
    expect(revoked.code).toBe(0)
    expect(revoked.stderr).not.toContain(key)
    expect((await api('/leads', key)).status).toBe(401)
    expect((await run(['api-key', 'revoke', key])).code).toBe(1)
  }, 30_000)

  it('lives ninety days when nothing is said, as long as is said, or for ever', async () => {
    const days = async (...expires: string[]) => {
      const args = ['api-key', 'create', '--name', 'x', '--scopes', 'forms:read', '--json', ...expires]
      const { expiresAt } = JSON.parse((await run(args)).stdout)
      return expiresAt && Math.round((Date.parse(expiresAt) - Date.now()) / 86_400_000)
    }
    expect(await Promise.all([days(), days('--expires', '48h'), days('--expires', 'never')])).toEqual([90, 2, null])
  }, 30_000)
})
