import { brotliDecompressSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describedOperations, type OpenApi } from '../../isolation/described-operations.ts'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { html } from '../pages/html.ts'
import { docsPage } from './docs-page.ts'

let database: TestDatabase
let server: TestServer
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startTestServer(database)
})
afterAll(async () => {
  await server.close()
  await database.close()
})

const get = (url: string, headers: Record<string, string> = {}) => server.app.inject({ url, headers })

describe('GET /docs', () => {
  it('shows every operation and every schema, and each link leads somewhere', async () => {
    const page = await get('/docs')
    expect(page.statusCode).toBe(200)
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8')
    const document: OpenApi = (await get('/api/v1/openapi.json')).json()
    const ids = new Set([...page.body.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id))
    for (const { operation } of describedOperations(document)) expect(ids).toContain(operation.operationId)
    for (const name of Object.keys(document.components['schemas'] ?? {})) expect(ids).toContain(`schema-${name}`)
    const links = [...page.body.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id)
    expect(links.filter((id) => !ids.has(id))).toEqual([])
  })

  it('needs nothing that its policy forbids, and nothing from elsewhere', async () => {
    const { body, headers } = await get('/docs')
    expect(headers['content-security-policy']).toContain("default-src 'none'")
    expect(headers['content-security-policy']).not.toContain('unsafe')
    expect(body).not.toMatch(/<script|<style|\sstyle=|\son[a-z]+=|javascript:/i)
    const loaded = [...body.matchAll(/<link [^>]*href="([^"]+)"/g)].map(([, address]) => address)
    expect(loaded).toEqual(['data:,', '/docs/style.css'])
    const style = await get('/docs/style.css')
    expect(style.headers['content-type']).toBe('text/css; charset=utf-8')
    expect(style.body).not.toMatch(/url\(|@import/)
  })

  it.each(['/docs', '/docs/style.css', '/api/v1/openapi.json'])(
    '%s is sent once to a client that keeps it',
    async (url) => {
      const first = await get(url)
      const etag = String(first.headers['etag'])
      const again = await get(url, { 'if-none-match': etag })
      expect([again.statusCode, again.body]).toEqual([304, ''])
      const compressed = await get(url, { 'accept-encoding': 'br', 'if-none-match': 'W/"other"' })
      expect(brotliDecompressSync(compressed.rawPayload).toString()).toBe(first.body)
      expect((await server.app.inject({ method: 'HEAD', url })).body).toBe('')
    },
  )
})

it('shows what an author writes as text, whatever it is', () => {
  const hostile = `"><script>alert(1)</script><img src=x onerror='alert(2)'>&amp;\``
  const page = docsPage(
    {
      info: { title: hostile, version: hostile, description: hostile },
      servers: [{ url: hostile }],
      tags: [{ name: 'tag', description: hostile }],
      paths: {
        [hostile]: {
          post: {
            operationId: hostile,
            summary: hostile,
            tags: ['tag'],
            parameters: [{ name: hostile, in: 'query', description: hostile, schema: { enum: [hostile] } }],
            requestBody: {
              content: { [hostile]: { schema: { $ref: `#/components/schemas/${hostile}` }, example: hostile } },
            },
            responses: { 200: { description: hostile, content: { [hostile]: { schema: { const: hostile } } } } },
          },
        },
      },
      components: { schemas: { [hostile]: { description: hostile, properties: { [hostile]: { type: 'string' } } } } },
    },
    { document: '/openapi.json', style: '/style.css' },
  )
  expect(page).not.toMatch(/<script|<img/)
  expect(page).toContain('&lt;script&gt;')
})

it('escapes values and keeps markup', () => {
  expect(html`<p title="${`"'<&>`}">${['a', html`<b>${'<'}</b>`, undefined, 1]}</p>`.text).toBe(
    '<p title="&quot;&#39;&lt;&amp;&gt;">a<b>&lt;</b>1</p>',
  )
})
