import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { loadConfig } from './config.ts'

const shared = {
  REMPART_DATABASE_URL: 'postgres://rempart_app:seven-purple-candles@127.0.0.1/rempart',
  REMPART_DATABASE_WORKER_URL: 'postgres://rempart_worker:seven-purple-candles@127.0.0.1/rempart',
  REMPART_SECRET_KEY: 'f3a9c1e7b5d2480696af1c3e5b7d9f02',
}

describe('a secret in a file', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rempart-config-'))
  afterAll(() => rmSync(directory, { recursive: true }))
  const fileOf = (text: string): string => {
    const path = join(directory, 'secret')
    writeFileSync(path, text)
    return path
  }

  it.each(['', '\n', ' \r\n'])('that is empty (%j) stops the start: it is not as if none were set', (text) => {
    for (const name of ['REMPART_SECRET_KEY', 'REMPART_METRICS_TOKEN', 'REMPART_SMTP_URL', 'REMPART_PASSWORD_PEPPER']) {
      expect(() => loadConfig({ [`${name}_FILE`]: fileOf(text) })).toThrow(`${name}_FILE names a file that is empty`)
    }
  })

  it('may be empty where it is the one of before, and there is none', () => {
    expect(loadConfig({ REMPART_SECRET_KEY_PREVIOUS_FILE: fileOf('') }).previousSecretKeys).toEqual([])
  })
})

describe('the URL of a database', () => {
  it.each(['development', 'production'])(
    'with a bare %% in its password is a fault of the configuration in %s',
    (mode) => {
      const environment = {
        ...{ NODE_ENV: mode, REMPART_PUBLIC_URL: 'https://app.example.org' },
        ...{ ...shared, REMPART_DATABASE_URL: 'postgres://rempart_app:seven%purple@127.0.0.1/rempart' },
      }
      expect(() => loadConfig(environment)).toThrow(/REMPART_DATABASE_URL must .*percent-encoded/)
      expect(() => loadConfig(environment)).not.toThrow(/seven/)
    },
  )
})

describe('the public URL', () => {
  it.each([
    [{}, 'http://localhost:3000'],
    [{ REMPART_PORT: '3100' }, 'http://localhost:3100'],
    [{ REMPART_PORT: '3100', REMPART_PUBLIC_URL: '' }, 'http://localhost:3100'],
    [{ REMPART_PORT: '3100', REMPART_PUBLIC_URL: 'http://localhost:8080' }, 'http://localhost:8080'],
    // Which port it will be nobody knows yet.
    [{ REMPART_PORT: '0' }, 'http://localhost:3000'],
    // Processes that share a database believe each other's tokens, whatever their ports are.
    [{ REMPART_PORT: '3100', ...shared }, 'http://localhost:3000'],
  ])('of %j leads to the server that was started', (environment, expected) => {
    expect(loadConfig(environment).publicUrl).toBe(expected)
  })
})
