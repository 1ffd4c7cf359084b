import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadConfig } from '../../packages/server/src/config.ts'
import { type ServerProcess, startServerProcess } from '../support/server-process.ts'
import { production } from './configuration.ts'
import { type ImprovedBackend, MAIN, message, startImprovedBackend } from './improved-backend.ts'

/*
 * S3, the improvements of a back end, §7 "API" and §8 "configuration", measure by measure. Where the product's own table settles a measure in
 * another way, the test follows the table and says so.
 */

let backend: ImprovedBackend
beforeAll(async () => {
  backend = await startImprovedBackend()
})
afterAll(() => backend?.close())

describe('7.1 versions of the API', () => {
  it('are in the path and in every answer; a request may pin one, and an unknown one is refused', async () => {
    for (const version of [undefined, '1']) {
      const headers = version === undefined ? {} : { 'api-version': version }
      const answer = await backend.visitors.next()('/api/v1/resources', { headers })
      expect([answer.status, answer.headers['api-version']]).toEqual([200, '1'])
    }
    const refused = await backend.visitors.next()('/api/v1/resources', { headers: { 'api-version': '2' } })
    expect(refused.status).toBe(400)
    expect((await backend.visitors.next()('/api/v2/resources')).status).toBe(404)
    expect((await backend.visitors.next()('/resources')).status).toBe(404)
  })
})

describe('7.2 OpenAPI', () => {
  it('names title, version, licence, and describes every group and every operation', async () => {
    const document = (await backend.visitors.next()('/api/v1/openapi.json')).json() as {
      readonly info: object
      readonly tags: readonly { readonly name: string; readonly description: string }[]
      readonly paths: Readonly<Record<string, Readonly<Record<string, { summary?: string; tags?: string[] }>>>>
    }
    expect(document.info).toMatchObject({
      title: expect.any(String),
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      description: expect.any(String),
      license: { name: 'MIT' },
    })
    const names = new Set(document.tags.map(({ name }) => name))
    expect(document.tags.filter(({ description }) => !description)).toEqual([])
    const operations = Object.values(document.paths).flatMap((path) => Object.values(path))
    expect(operations.length).toBeGreaterThan(100)
    expect(operations.filter(({ summary, tags }) => !(summary && tags?.every((tag) => names.has(tag))))).toEqual([])
  })

  it('has a page to read it on', async () => {
    const page = await backend.visitors.next()('/docs')
    expect([page.status, page.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8'])
    expect(page.text).toContain('/api/v1/contact')
  })
})

describe('7.3 content type', () => {
  const types = [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/jsonp',
    '',
  ]

  it.each(types)('%j is refused with 415 on POST, PUT and PATCH', async (type) => {
    for (const [method, path] of [
      ['POST', '/api/v1/contact'],
      ['PUT', '/api/v1/users/me'],
      ['PATCH', '/api/v1/tenant/settings'],
    ] as const) {
      const answer = await backend.owner.call(path, { method, body: '{}', headers: { 'content-type': type } })
      expect([method, answer.status]).toEqual([method, 415])
    }
  })

  it('application/json is taken, with its charset and its suffixes too', async () => {
    for (const type of ['application/json', 'application/json; charset=utf-8', 'Application/JSON']) {
      const body = JSON.stringify(message)
      const answer = await backend.visitors.next()('/api/v1/contact', { body, headers: { 'content-type': type } })
      expect([type, answer.status]).toEqual([type, 201])
    }
  })
})

describe('8.1 validated configuration', () => {
  it('a server with faults does not start: it names every one at once, with its rule and never its value', async () => {
    const wrong = {
      REMPART_PORT: '70000',
      REMPART_SECRET_KEY: 'hunter2',
      REMPART_ALLOWED_ORIGINS: 'shop.example',
      REMPART_TRUSTED_PROXIES: 'everybody-hunter3',
      REMPART_DATABASE_POOL: '5',
    }
    const child = spawn(process.execPath, ['--conditions=rempart-source', MAIN, 'start'], {
      cwd: tmpdir(),
      env: { PATH: '/usr/bin:/bin', LANG: 'C.UTF-8', ...wrong },
    })
    const [out, said, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
    expect(code).toBe(1)
    for (const name of Object.keys(wrong)) expect(`${out}${said}`).toContain(name)
    for (const value of ['70000', 'hunter', 'shop.example']) expect(`${out}${said}`).not.toContain(value)
  })

  it('lists are read as lists, and what is absent has its default', () => {
    const config = loadConfig({ REMPART_ALLOWED_ORIGINS: ' https://a.example , https://b.example' })
    expect(config.allowedOrigins).toEqual(['https://a.example', 'https://b.example'])
    expect(config.port).toBe(3000)
  })
})

describe('8.2 secret stores', () => {
  it('a server takes its secrets from a vault that fails at first, and tells nobody', async () => {
    const stored = {
      REMPART_SECRET_KEY: production.REMPART_SECRET_KEY,
      REMPART_METRICS_TOKEN: 'of-the-vault-alone-4711',
    }
    let asked = 0
    const vault = createServer((request, response) => {
      asked += 1
      if (asked === 1) return void response.writeHead(503).end()
      if (request.headers['x-vault-token'] !== 'hvs.of-this-test') return void response.writeHead(403).end()
      response.end(JSON.stringify({ data: { data: stored, metadata: { version: 1 } } }))
    }).listen(0, '127.0.0.1')
    await once(vault, 'listening')
    let kept: ServerProcess | undefined
    try {
      kept = await startServerProcess({
        env: {
          REMPART_SECRET_STORE: 'vault',
          REMPART_VAULT_URL: `http://127.0.0.1:${(vault.address() as AddressInfo).port}`,
          REMPART_VAULT_PATH: 'secret/rempart',
          REMPART_VAULT_TOKEN: 'hvs.of-this-test',
        },
      })
      const headers = { authorization: `Bearer ${stored.REMPART_METRICS_TOKEN}` }
      expect((await fetch(`${kept.url}/metrics`, { headers })).status).toBe(200)
      expect(asked).toBe(2)
      const written = `${JSON.stringify(kept.logs)}${kept.stderr()}`
      for (const secret of [...Object.values(stored), 'hvs.of-this-test']) expect(written).not.toContain(secret)
    } finally {
      await kept?.remove()
      vault.close()
      vault.closeAllConnections()
    }
  })
})
