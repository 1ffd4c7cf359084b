import { describe, expect, it } from 'vitest'
import { installation } from './testing/installation.ts'

const { run, file, server } = installation()

describe.concurrent('forms', () => {
  const yaml = (label: string) => `title: { en: Call me back }
fields:
  - { name: phone, type: phone, label: { en: ${label} }, country: FR }
`

  it('imports a file, publishes it, and saves a version only for a change', async () => {
    const source = file('callback.yaml', yaml('Phone'))
    const first = await run(['forms', 'import', source, '--publish'])
    expect([first.code, first.stderr]).toEqual([0, expect.stringContaining('shows version 1')])
    expect(await (await fetch(`${server.url}/api/v1/forms/public/callback`)).json()).toMatchObject({ version: 1 })

    expect((await run(['forms', 'import', source])).stderr).toContain('like this already, in version 1')
    const next = await run(['forms', 'import', '-', '--slug', 'callback'], { input: yaml('Your number') })
    expect(next.stderr).toContain('Version 2')
    const [list, show] = await Promise.all([run(['forms', 'list', '--json']), run(['forms', 'show', 'callback'])])
    expect(JSON.parse(list.stdout).items).toContainEqual(
      expect.objectContaining({ slug: 'callback', name: 'Call me back', latestVersion: 2, publishedVersion: 1 }),
    )
    expect(show.stdout).toMatch(/^2 +\S+ \S+ +-$/m)
    expect(show.stdout).toMatch(/^1 .*\(active\)$/m)
  }, 30_000)

  it('exports what it imported, in both formats', async () => {
    const json = (await run(['forms', 'export', 'demo', '--format', 'json'])).stdout
    const output = file('demo.yaml')
    await run(['forms', 'export', 'demo', '--output', output])
    for (const source of [file('demo.json', json), output]) {
      expect((await run(['forms', 'import', source])).stderr).toContain('like this already')
    }
  }, 30_000)

  it('says where each fault of a file stands, and stores nothing of it', async () => {
    const wrong = file('wrong.yaml', yaml('Phone').replace('phone, label', 'fone, label').replace('title:', 'titel:'))
    const reply = await run(['forms', 'import', wrong])
    expect(reply.code).toBe(1)
    expect(reply.stderr).toContain('wrong.yaml has 3 faults:')
    expect(reply.stderr).toContain('  1:8  /titel  is not a known field')
    expect(reply.stderr).toContain('  3:26  /fields/0/type  must be one of the allowed values')
    const senseless = file('senseless.yaml', yaml('Phone').replace('FR', 'XX'))
    expect((await run(['forms', 'import', senseless])).stderr).toContain('3:64  /fields/0/country  "XX" is no country')
    expect((await run(['forms', 'show', 'wrong'])).stderr).toBe('There is no form "wrong". See: rempart forms list\n')
  }, 30_000)

  it('prints the line that shows a form in a page, which the server answers, and says on which sites', async () => {
    const [script, frame, listed] = await Promise.all([
      run(['forms', 'embed', 'demo']),
      run(['forms', 'embed', 'demo', '--iframe'], { env: { LANG: 'fr_FR.UTF-8' } }),
      run(['forms', 'embed', 'demo'], { env: { REMPART_ALLOWED_ORIGINS: 'https://www.example.org' } }),
    ])
    expect(script.stdout).toBe(
      '<script src="http://localhost:3000/f/embed.js" data-form="demo" data-title="Request a quote" async></script>\n',
    )
    expect(script.stderr).toContain('No site may show it yet')
    expect(frame.stdout).toMatch(
      /^<iframe src="http:\/\/localhost:3000\/f\/demo" title="Demander un devis" style="[^"]*">/,
    )
    expect(listed.stderr).toContain('https://www.example.org')
    for (const path of ['/f/embed.js', '/f/demo']) expect((await fetch(`${server.url}${path}`)).status).toBe(200)
  }, 30_000)

  it('archives, restores, hides and shows', async () => {
    const source = file('moving.yaml', yaml('Phone'))
    await run(['forms', 'import', source])
    await run(['forms', 'archive', 'moving'])
    const refused = await run(['forms', 'publish', 'moving'])
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('Form archived')])
    await run(['forms', 'restore', 'moving'])
    expect((await run(['forms', 'publish', 'moving', '--version', '1'])).stderr).toContain('shows version 1')
    expect((await run(['forms', 'unpublish', 'moving'])).stderr).toContain('is hidden')
    expect(JSON.parse((await run(['forms', 'show', 'moving', '--json'])).stdout)).toMatchObject({
      archivedAt: null,
      publishedVersion: null,
    })
  }, 30_000)
})
