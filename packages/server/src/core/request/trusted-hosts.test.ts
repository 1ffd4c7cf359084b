import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compileTrustedHosts, parseHost } from './trusted-hosts.ts'

describe('parseHost', () => {
  it.each([
    ['example.org', { name: 'example.org', port: undefined }],
    ['EXAMPLE.org.:8080', { name: 'example.org', port: 8080 }],
    ['localhost:3000', { name: 'localhost', port: 3000 }],
    ['my_service:80', { name: 'my_service', port: 80 }],
    ['127.0.0.1', { name: '127.0.0.1', port: undefined }],
    ['[::1]:443', { name: '[::1]', port: 443 }],
    ['[2001:DB8:0:0::1]', { name: '[2001:db8::1]', port: undefined }],
  ])('reads %s', (header, host) => expect(parseHost(header)).toEqual(host))

  it.each([
    '',
    '.',
    'a..b',
    '.a',
    'a.org..',
    '-a.org',
    'a-.org',
    'user@a.org',
    'user:pass@a.org',
    'a.org/path',
    'a.org?x',
    'a.org#x',
    'a.org\\b',
    'a.org,b.org',
    'a.org b.org',
    ' a.org',
    'a.org\t',
    'a.org\r\nx: y',
    'a.org\n',
    'a.org\0',
    'a.org:',
    'a.org:0',
    'a.org:65536',
    'a.org:99999999',
    'a.org:-1',
    'a.org:80:80',
    'a.org:0x50',
    'é.org',
    '*.a.org',
    '[::1',
    '::1',
    '[::1]x',
    '[fe80::1%eth0]',
    '[:::]',
    '[1.2.3.4]',
    `${'a'.repeat(64)}.org`,
    `${'a.'.repeat(127)}aa`,
    'a'.repeat(100_000),
  ])('refuses %j', (header) => expect(parseHost(header)).toBeUndefined())
})

describe('compileTrustedHosts', () => {
  const isTrusted = compileTrustedHosts([
    'example.org',
    'api.example.com:8443',
    'plain.example.com:80',
    '*.tenants.example',
    '*.ports.example:9000',
    '[2001:db8::1]',
    'Café.example',
  ])

  it.each([
    'example.org',
    'EXAMPLE.ORG',
    'example.org.',
    'example.org:1234',
    'api.example.com:8443',
    'plain.example.com',
    'acme.tenants.example',
    'eu.acme.tenants.example:444',
    'a.ports.example:9000',
    '[2001:DB8::1]:3000',
    '[2001:db8:0:0:0:0:0:1]',
    'xn--caf-dma.example',
  ])('trusts %s', (host) => {
    expect(isTrusted(host)).toBe(true)
    expect(isTrusted(host)).toBe(true)
  })

  it.each([
    undefined,
    '',
    'evil.org',
    'example.org.evil.org',
    'evil-example.org',
    'sub.example.org',
    'example.orgevil',
    'example.org@evil.org',
    'evil.org@example.org',
    'example.org, evil.org',
    'api.example.com',
    'api.example.com:443',
    'plain.example.com:81',
    'tenants.example',
    '.tenants.example',
    'evil.tenants.example.org',
    'eviltenants.example',
    'a.ports.example',
    'a.ports.example:9001',
    '*.tenants.example',
    '[2001:db8::2]',
    '2001:db8::1',
  ])('does not trust %j', (host) => {
    expect(isTrusted(host)).toBe(false)
    expect(isTrusted(host)).toBe(false)
  })

  it('trusts nothing when it is given nothing, and every well-formed host when given *', () => {
    expect(compileTrustedHosts([])('localhost')).toBe(false)
    expect(compileTrustedHosts(['*'])('anything.example:81')).toBe(true)
    expect(compileTrustedHosts(['*'])('a@b')).toBe(false)
  })

  it.each([
    '',
    '*.',
    '**.a.org',
    'a.*.org',
    'https://a.org',
    'a.org/',
    '*.1.2.3.4',
    '*.[::1]',
    'a.org:0',
    '10.0.0.0/8',
    'a b',
  ])('does not compile %j', (entry) => expect(() => compileTrustedHosts(['ok.org', entry])).toThrow(RangeError))

  it('trusts below a wildcard what ends with its name, whatever stands before', () => {
    const label = fc.stringMatching(/^[a-z0-9]{1,10}$/)
    fc.assert(
      fc.property(fc.array(label, { minLength: 1, maxLength: 5 }), label, (labels, other) => {
        const name = labels.join('.')
        expect(isTrusted(`${name}.tenants.example`)).toBe(true)
        expect(isTrusted(`${name}.tenants.example.${other}`)).toBe(false)
      }),
    )
  })

  it('remembers a bounded number of hosts and goes on answering', () => {
    for (let tenant = 0; tenant < 1500; tenant += 1) expect(isTrusted(`t${tenant}.tenants.example`)).toBe(true)
    expect(isTrusted('t0.tenants.example')).toBe(true)
    expect(isTrusted('t0.tenants.example.evil')).toBe(false)
  })
})
