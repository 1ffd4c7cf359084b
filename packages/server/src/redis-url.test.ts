import { describe, expect, it } from 'vitest'
import { redisUrl } from './redis-url.ts'

const plain = { isEncrypted: false, username: undefined, password: undefined, database: 0, masterName: '' }

describe('the URL of a Redis', () => {
  it.each([
    ['redis://cache', { ...plain, topology: 'server', hosts: [{ host: 'cache', port: 6379 }] }],
    [
      'redis://10.0.0.7:7000/3',
      { ...plain, topology: 'server', hosts: [{ host: '10.0.0.7', port: 7000 }], database: 3 },
    ],
    ['redis://[fd00::7]:7000', { ...plain, topology: 'server', hosts: [{ host: 'fd00::7', port: 7000 }] }],
    [
      'rediss://guard:p%40ss%3Aword@cache',
      {
        ...plain,
        topology: 'server',
        isEncrypted: true,
        hosts: [{ host: 'cache', port: 6379 }],
        username: 'guard',
        password: 'p@ss:word',
      },
    ],
    [
      'redis://:secret@cache',
      { ...plain, topology: 'server', hosts: [{ host: 'cache', port: 6379 }], password: 'secret' },
    ],
    [
      'redis+cluster://a:1,b:2',
      {
        ...plain,
        topology: 'cluster',
        hosts: [
          { host: 'a', port: 1 },
          { host: 'b', port: 2 },
        ],
      },
    ],
    [
      'redis+sentinel://:secret@a,b/main',
      {
        ...plain,
        topology: 'sentinel',
        hosts: [
          { host: 'a', port: 26_379 },
          { host: 'b', port: 26_379 },
        ],
        password: 'secret',
        masterName: 'main',
      },
    ],
  ])('%s is read', (text, target) => {
    expect(redisUrl(text)).toEqual({ value: target })
  })

  it.each([
    'cache:6379',
    'http://cache',
    'redis://',
    'redis://a,b',
    'redis://cache:99999',
    'redis://cache/zero',
    'redis+cluster://a/1',
    'redis+sentinel://a',
    'redis://%zz@cache',
  ])('%s is a fault', (text) => {
    expect(redisUrl(text)).toHaveProperty('fault')
  })

  it('is not repeated in its fault, for it may hold a password', () => {
    expect(JSON.stringify(redisUrl('redis://:hunter2@cache:none'))).not.toContain('hunter2')
  })
})
