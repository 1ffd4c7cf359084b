import { expect, it } from 'vitest'
import { welcome } from './welcome.ts'

const server = {
  url: 'http://127.0.0.1:3000',
  database: { origin: 'started', version: '18.4' },
  ownerLink: undefined,
} as const
const config = { demo: 'on', embedded: true, defaultTenant: 'demo', dataDir: '/srv/data' } as const

it('shows what to try on the demo, where there is one, and no command that would find nothing', () => {
  expect(welcome(server, config)).toContain(`${server.url}/f/demo`)
  for (const other of [{ demo: 'off' }, { embedded: false }, { defaultTenant: 'acme' }] as const) {
    const said = welcome(server, { ...config, ...other })
    expect(said).toContain(server.url)
    expect(said).not.toMatch(/demo|curl/)
  }
})
