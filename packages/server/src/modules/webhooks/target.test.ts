import { describe, expect, it } from 'vitest'
import { targetFault } from './target.ts'

describe('class 39: the address of a webhook', () => {
  it.each(['https://hooks.example.org/', 'https://hooks.example.org:8443/a?b=c', 'https://hooks.example.org:443/'])(
    'may be %s',
    (url) => {
      expect(targetFault(url, false)).toBeUndefined()
    },
  )

  it.each([
    'http://hooks.example.org/',
    'ftp://hooks.example.org/',
    'https://hooks.example.org:22/',
    'https://hooks.example.org:6379/',
    'https://ada:secret@hooks.example.org/',
    'https://ada@hooks.example.org/',
    'https://hooks.example.org/#part',
    'https://hooks.example.org/#',
    'https://127.0.0.1/',
    'https://2130706433/',
    'https://0x7f.1/',
    'https://10.0.0.1/',
    'https://169.254.169.254/latest/meta-data',
    'https://[::1]/',
    'https://[::ffff:10.0.0.1]/',
    'https://[::ffff:a00:1]/',
    'https://[fc00::1]/',
    'https://[64:ff9b::a00:1]/',
    'http://localhost:3000/',
    'not an address',
  ])('is never %s', (url) => {
    expect(targetFault(url, false)).toEqual(expect.any(String))
  })

  it('may be this machine in development, and the network behind it may not', () => {
    for (const url of ['http://127.0.0.1:9/', 'http://localhost:5000/', 'https://[::1]:7/']) {
      expect(targetFault(url, true), url).toBeUndefined()
    }
    for (const url of ['http://10.0.0.1/', 'http://hooks.example.org/', 'http://127.0.0.1.nip.example/', 'file:///x']) {
      expect(targetFault(url, true), url).toEqual(expect.any(String))
    }
  })
})
