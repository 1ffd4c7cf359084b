import { describe, expect, it } from 'vitest'
import { loadConfig } from './config.ts'

const shared = {
  REMPART_DATABASE_URL: 'postgres://rempart_app:seven-purple-candles@127.0.0.1/rempart',
  REMPART_DATABASE_WORKER_URL: 'postgres://rempart_worker:seven-purple-candles@127.0.0.1/rempart',
  REMPART_SECRET_KEY: 'f3a9c1e7b5d2480696af1c3e5b7d9f02',
}

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
