import { describe, expect, it } from 'vitest'
import { loadConfig } from './config.ts'

describe('the public URL', () => {
  it.each([
    [{}, 'http://localhost:3000'],
    [{ REMPART_PORT: '3100' }, 'http://localhost:3100'],
    [{ REMPART_PORT: '3100', REMPART_PUBLIC_URL: '' }, 'http://localhost:3100'],
    [{ REMPART_PORT: '3100', REMPART_PUBLIC_URL: 'http://localhost:8080' }, 'http://localhost:8080'],
    // Which port it will be nobody knows yet.
    [{ REMPART_PORT: '0' }, 'http://localhost:3000'],
  ])('of %j leads to the server that was started', (environment, expected) => {
    expect(loadConfig(environment).publicUrl).toBe(expected)
  })
})
