import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Answer } from '../support/http-client.ts'
import { type ServerProcess, startServerProcess } from '../support/server-process.ts'
import { createTenantWithForm, type TenantWithForm, workerPool } from '../support/tenant-with-form.ts'
import { type Visitor, type Visitors, visitorsOf } from './visitors.ts'

/*
 * The presets that answer to S0 and S2, in force in a real server by one line of a policy file. What takes minutes and
 * hours is walked under a virtual clock beside the presets, and so are S1 and S4.
 */

const directory = mkdtempSync(join(tmpdir(), 'rempart-presets-'))
let pixel: ServerProcess
let forms: ServerProcess
let publicOfPixel: Visitors
let publicOfForms: Visitors
let tenant: TenantWithForm

async function start(preset: string): Promise<ServerProcess> {
  const file = join(directory, `${preset}.yaml`)
  writeFileSync(file, `version: 1\nextends: ${preset}\n`)
  return startServerProcess({ env: { REMPART_POLICY_FILE: file, REMPART_TRUSTED_PROXIES: '127.0.0.1/32' } })
}

beforeAll(async () => {
  ;[pixel, forms] = await Promise.all([start('pixel'), start('public-forms')])
  publicOfPixel = visitorsOf(pixel)
  publicOfForms = visitorsOf(forms)
  const pool = workerPool(forms)
  tenant = await createTenantWithForm(pool)
  await pool.end()
})
afterAll(async () => {
  publicOfPixel?.close()
  publicOfForms?.close()
  await Promise.all([pixel?.remove(), forms?.remove()])
  rmSync(directory, { recursive: true })
})

async function times(count: number, act: () => Promise<Answer>): Promise<Answer[]> {
  const answers: Answer[] = []
  for (let index = 0; index < count; index += 1) answers.push(await act())
  return answers
}
const countOf = (answers: readonly Answer[], status: number): number =>
  answers.filter((answer) => answer.status === status).length
const limits = ({ headers }: Answer) => [
  headers['x-ratelimit-limit'],
  headers['x-ratelimit-remaining'],
  headers['retry-after'],
]

describe('a server under the preset pixel', () => {
  const message = { name: 'Ada', email: 'ada@example.org', message: 'Hello' }

  it('takes 3 contact messages in 60 s, then says how long the cooldown is', async () => {
    const visitor = publicOfPixel.next()
    const answers = await times(5, () => visitor('/api/v1/contact/', { json: message }))
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 429, 429])
    expect(answers.slice(3, 4).map(limits)).toEqual([['3', '0', '300']])
    expect(answers[3]?.json()).toMatchObject({ error: 'Too many requests' })
  })

  it('lets 10 requests to gate125 through in an hour, then says that it cools down for an hour', async () => {
    const visitor = publicOfPixel.next()
    const answers = await times(11, () => visitor('/api/v1/gate125/register/', { json: { email: 'ada@example.org' } }))
    expect([countOf(answers, 201), countOf(answers, 429)]).toEqual([10, 1])
    const refused = answers.at(-1)
    expect(refused && limits(refused)).toEqual(['10', '0', '3600'])
  })

  it('lets 60 requests for resources through in 60 s, then refuses without Retry-After', async () => {
    const visitor = publicOfPixel.next()
    const answers = await times(61, () => visitor('/api/v1/resources/'))
    expect([countOf(answers, 200), countOf(answers, 429)]).toEqual([60, 1])
    const refused = answers.at(-1)
    expect(refused && limits(refused)).toEqual(['60', '0', undefined])
    expect(refused?.headers['x-ratelimit-reset']).toMatch(/^\d{10}$/)
  })

  it('never limits health, whatever else it refuses the client', async () => {
    const visitor = publicOfPixel.next()
    await times(4, () => visitor('/api/v1/contact/', { json: message }))
    const paths = ['/api/v1/health/', '/api/v1/health/ready/', '/health', '/health/ready']
    for (const path of paths) expect(countOf(await times(150, () => visitor(path)), 200)).toBe(150)
  })
})

describe('a server under the preset public-forms', () => {
  const asTenant = () => ({ 'x-tenant-id': tenant.slug })
  const submit = (visitor: Visitor) =>
    visitor(`/api/v1/leads/forms/${tenant.form.id}/submit`, {
      json: { email: 'ada@example.org', data: { who: 'Ada' } },
      headers: asTenant(),
    })

  it('shows forms 30 times a minute', async () => {
    const visitor = publicOfForms.next()
    const answers = await times(31, () => visitor(`/api/v1/forms/public/${tenant.form.slug}`, { headers: asTenant() }))
    expect([countOf(answers, 200), countOf(answers, 429)]).toEqual([30, 1])
  })

  it('evaluates 30 times a minute', async () => {
    const visitor = publicOfForms.next()
    const path = `/api/v1/forms/public/${tenant.form.slug}/evaluate`
    const answers = await times(31, () => visitor(path, { json: { data: { who: 'Ada' } }, headers: asTenant() }))
    expect([countOf(answers, 200), countOf(answers, 429)]).toEqual([30, 1])
  })

  it('takes 10 submissions a minute, counted apart from looking and evaluating', async () => {
    const visitor = publicOfForms.next()
    await times(31, () => visitor(`/api/v1/forms/public/${tenant.form.slug}`, { headers: asTenant() }))
    const answers = await times(11, () => submit(visitor))
    expect([countOf(answers, 201), countOf(answers, 429)]).toEqual([10, 1])
    expect((await submit(publicOfForms.next())).status).toBe(201)
  })

  it('limits the paths of the document as it writes them, too', async () => {
    const visitor = publicOfForms.next()
    const answers = await times(31, () => visitor('/forms/public/anything'))
    expect([countOf(answers, 404), countOf(answers, 429)]).toEqual([30, 1])
  })
})
