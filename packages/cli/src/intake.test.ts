import { readFileSync, statSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { installation } from './testing/installation.ts'

const { run, file, server } = installation()

it('lists, shows and exports leads', async () => {
  const definition =
    'title: { en: L }\nfields: [{ name: city, type: text, label: { en: C } }]\nprotection: { renderToken: optional }'
  await run(['forms', 'import', '-', '--slug', 'leads-test', '--publish'], { input: definition })
  const { submitUrl } = JSON.parse(await (await fetch(`${server.url}/api/v1/forms/public/leads-test`)).text())
  const sent = await fetch(`${server.url}${submitUrl}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'zoe@example.org', data: { city: 'Besançon' } }),
  })
  expect(sent.status).toBe(201)
  const { id } = JSON.parse(await sent.text())

  const output = file('leads.csv')
  const [list, show, json, csv] = await Promise.all([
    run(['leads', 'list', '--form', 'leads-test']),
    run(['leads', 'show', id]),
    run(['leads', 'export', '--format', 'json', '--form', 'leads-test']),
    run(['leads', 'export', '--form', 'leads-test', '--output', output]),
  ])
  expect(list.stdout).toContain('zoe@example.org')
  expect(show.stdout).toMatch(/^city +Besançon$/m)
  expect(JSON.parse(json.stdout)).toMatchObject([{ id, data: { city: 'Besançon' } }])
  expect(csv.stderr).toBe(`1 lead written to ${output}.\n`)
  expect(readFileSync(output, 'utf8')).toMatch(/^\uFEFF"id",.*"city"\r\n.*"Besançon"\r\n$/)
  expect(statSync(output).mode & 0o777).toBe(0o600)
}, 30_000)

it('lists, shows and deletes contact messages, and shows no character that would act on the terminal', async () => {
  const sent = await fetch(`${server.url}/api/v1/contact`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'A\u202Eda', email: 'ada@example.org', message: 'One\nTwo', subject: 'Hi' }),
  })
  const { id } = JSON.parse(await sent.text())
  const [list, show] = await Promise.all([run(['contact', 'list']), run(['contact', 'show', id])])
  expect(list.stdout).toMatch(new RegExp(`received +ada@example.org +${id} +Hi`))
  expect(show.stdout).toMatch(/^NAME +A\\u\{202e\}da$/m)
  expect(show.stdout).toContain('MESSAGE\n  One\n  Two\n')
  expect((await run(['contact', 'delete', id])).code).toBe(0)
  expect(await run(['contact', 'show', id])).toEqual({ code: 1, stdout: '', stderr: 'Unknown message\n' })
}, 30_000)

it('makes, changes, lists, deletes and restores resources, which visitors see at once', async () => {
  const shown = async () => JSON.parse(await (await fetch(`${server.url}/api/v1/resources`)).text())
  expect(await shown()).toMatchObject({ total: 3 })
  const made = await run(['resources', 'create', '--title', 'Caf\u00e9', '--url', 'https://example.org', '--json'])
  const { id } = JSON.parse(made.stdout)
  expect((await shown()).items[0]).toMatchObject({ id, title: 'Caf\u00e9', url: 'https://example.org/' })
  await run(['resources', 'change', id, '--category', 'places', '--url', ''])
  const [list, show] = await Promise.all([
    run(['resources', 'list', '--category', 'places']),
    run(['resources', 'show', id]),
  ])
  expect(list.stdout).toMatch(new RegExp(`places +Caf\u00e9 +- +${id}`))
  expect(show.stdout).toMatch(/^URL +-$/m)
  expect((await run(['resources', 'delete', id])).stderr).toContain('is deleted')
  expect(await shown()).toMatchObject({ total: 3 })
  expect((await run(['resources', 'list', '--deleted'])).stdout).toContain(id)
  expect((await run(['resources', 'restore', id])).stderr).toContain('is back')
  expect((await shown()).items[0]).toMatchObject({ id, url: null, category: 'places' })
  const refused = await run(['resources', 'create', '--title', 'x', '--url', 'javascript:alert(1)'])
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('/url')])
  expect((await run(['resources', 'create', '--title', 'a\nb'])).code).toBe(2)
}, 60_000)

it('opens, fills, widens and deletes a gate; the demo has one of 125 places', async () => {
  expect((await run(['gates', 'list'])).stdout).toMatch(/^gate125 +The first 125 +yes +125 +0 +0 /m)
  const register = (email: string) =>
    fetch(`${server.url}/api/v1/gates/evening/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ email }),
    })
  expect((await run(['gates', 'create', 'evening', '--capacity', '1'])).stderr).toContain('with 1 place.')
  expect((await register('zoe@example.org')).status).toBe(401)
  expect((await run(['gates', 'change', 'evening', '--public'])).stderr).toContain('0 of 1 places taken, 0 waiting')
  for (const name of ['zoe', 'bob']) expect((await register(`${name}@example.org`)).status).toBe(201)
  const listed = (await run(['gates', 'registrations', 'evening'])).stdout
  expect(listed).toMatch(/waitlisted +1 +- +bob@example.org/)
  expect(listed).toMatch(/registered +- +- +zoe@example.org/)
  const zoe = JSON.parse(
    (await run(['gates', 'registrations', 'evening', '--email', 'zoe@example.org', '--json'])).stdout,
  )
  expect((await run(['gates', 'unregister', 'evening', zoe.items[0].id])).code).toBe(0)
  const waiting = await run(['gates', 'registrations', 'evening', '--status', 'waitlisted'])
  expect(waiting.stderr).toBe('Nothing to list.\n')
  expect((await run(['gates', 'change', 'evening', '--no-public', '--capacity', '0'])).stderr).toContain(
    '1 of 0 places',
  )
  expect((await run(['gates', 'delete', 'evening'])).code).toBe(0)
  expect(await run(['gates', 'registrations', 'evening'])).toEqual({ code: 1, stdout: '', stderr: 'Unknown gate\n' })
  expect((await run(['gates', 'create', 'Evening', '--capacity', '1'])).code).toBe(2)
}, 60_000)

describe('events', () => {
  it('lists what was refused and explains it, in English and French', async () => {
    const evaluate = () => fetch(`${server.url}/api/v1/forms/public/demo/evaluate`, { method: 'POST' })
    for (let sent = 0; sent < 31; sent += 1) await evaluate()
    let listed: { items: { id: string; ruleId: string }[] }
    do listed = JSON.parse((await run(['events', 'list', '--policy', 'forms.evaluate', '--json'])).stdout)
    while (listed.items.length === 0)
    const [event] = listed.items
    expect(event).toMatchObject({ type: 'refused', ruleId: 'burst', count: 1 })
    const table = await run(['events', 'list', '--type', 'refused', '--policy', 'forms.evaluate'])
    expect(table.stdout).toContain('forms.evaluate/burst')
    const explained = await run(['events', 'explain', event?.id ?? ''])
    expect(explained.stdout).toContain('The rule "burst" admits 30 in 60 s; 30 were in use')
    expect(explained.stdout).not.toContain('has changed since')
    const french = await run(['events', 'explain', event?.id ?? ''], { env: { LANG: 'fr_FR.UTF-8' } })
    expect(french.stdout).toContain('La règle « burst » en admet 30 en 60 s')
    expect((await run(['events', 'explain', '019bd0a4-6c00-7abc-8def-0123456789ab'])).code).toBe(1)
    expect((await run(['events', 'list', '--type', 'other'])).code).toBe(2)
  }, 60_000)
})
