import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createAddressResolver, parseClientAddress } from './client-address.ts'
import { PolicyError } from './faults.ts'

const proxied = createAddressResolver({
  trustedProxies: ['10.0.0.0/8', '2001:db8:ffff::/48'],
  header: 'x-forwarded-for',
})
const standard = createAddressResolver({ trustedProxies: ['10.0.0.0/8'], header: 'forwarded' })
const proxy = '10.0.0.1'

const behindProxy = (value: string | string[]) => proxied(proxy, { 'x-forwarded-for': value }).text
const behindStandard = (value: string) => standard(proxy, { forwarded: value }).text

describe('an address', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1', '192.0.2.1', 4],
    ['0.0.0.0', '0.0.0.0', '0.0.0.0', 4],
    ['255.255.255.255', '255.255.255.255', '255.255.255.255', 4],
    ['::ffff:192.0.2.1', '192.0.2.1', '192.0.2.1', 4],
    ['::FFFF:C000:0201', '192.0.2.1', '192.0.2.1', 4],
    ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1', '192.0.2.1', 4],
    ['::192.0.2.1', '192.0.2.1', '192.0.2.1', 4],
    ['64:ff9b::192.0.2.1', '192.0.2.1', '192.0.2.1', 4],
    ['64:FF9B::c000:201', '192.0.2.1', '192.0.2.1', 4],
    ['[::ffff:192.0.2.1]', '192.0.2.1', '192.0.2.1', 4],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1', '2001:db8::/64', 6],
    ['[2001:db8::1]', '2001:db8::1', '2001:db8::/64', 6],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64', 6],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1', '2001:db8:0:1::/64', 6],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1', '2001:0:0:1::/64', 6],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0', '1:2:3:4::/64', 6],
    ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8', '0:2:3:4::/64', 6],
    ['::', '::', '::/64', 6],
    ['::1', '::1', '::/64', 6],
    ['fe80::1%eth0', 'fe80::1', 'fe80::/64', 6],
    ['fe80::1%25en0', 'fe80::1', 'fe80::/64', 6],
    ['1:2:3:4:5:6:192.0.2.1', '1:2:3:4:5:6:c000:201', '1:2:3:4::/64', 6],
  ])('written %s is %s, counted as %s', (written, text, key, family) => {
    expect(parseClientAddress(written)).toEqual({ text, key, family })
  })

  it.each([
    '',
    ' ',
    'localhost',
    'unknown',
    '192.0.2',
    '192.0.2.1.1',
    '192.0.2.256',
    '192.0.2.01',
    '0300.0.2.1',
    '0xc0.0.2.1',
    '0xc0000201',
    '3221225985',
    '127.1',
    '192.0.2.',
    '.192.0.2.1',
    '192.0.2.1 ',
    '192.0.2.-1',
    '192.0.2.1e0',
    '１９２.0.2.1',
    '192.0.2.1:80',
    '[192.0.2.1]',
    '[2001:db8::1]:80',
    '[2001:db8::1',
    '2001:db8::1]',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '::1:2:3:4:5:6:7:8',
    ':1:2:3:4:5:6:7:8',
    '1:2:3:4:5:6:7:8:',
    '1:2:3:4:5:6:7:192.0.2.1',
    '::12345',
    '::g',
    '::ffff:192.0.2',
    '::ffff:0300.0.2.1',
    '::192.0.2.1:1',
    'fe80::1%',
    'fe80::1%a b',
    '192.0.2.1%eth0',
    `::${'0'.repeat(200)}1`,
  ])('is not what %j says', (written) => {
    expect(parseClientAddress(written)).toBeUndefined()
  })

  it('has one canonical text for all its spellings, which reads back to itself', () => {
    const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }))
    fc.assert(
      fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), fc.nat(8), fc.nat(8), (groups, from, length) => {
        const full = groups.map((value) => value.toString(16).padStart(4, '0')).join(':')
        const expected = parseClientAddress(full)
        const short = groups.map((value) => value.toString(16).toUpperCase())
        const spellings = [short.join(':'), `[${full}]`, `${full}%eth0`]
        const zeros = groups.slice(from, from + length)
        if (zeros.length > 0 && zeros.every((value) => value === 0)) {
          spellings.push(`${short.slice(0, from).join(':')}::${short.slice(from + length).join(':')}`)
        }
        const tail = groups.slice(6).flatMap((value) => [value >>> 8, value & 255])
        spellings.push(`${short.slice(0, 6).join(':')}:${tail.join('.')}`)
        for (const spelling of spellings) expect(parseClientAddress(spelling)).toEqual(expected)
        expect(parseClientAddress(expected?.text ?? '')).toEqual(expected)
      }),
    )
  })

  it('agrees with the platform on what is an address, whatever the text', () => {
    const addressLike = fc.string({
      unit: fc.constantFrom(...'0123456789abcdefABCDEF:::...[]%g '),
      maxLength: 40,
      size: 'max',
    })
    fc.assert(
      fc.property(addressLike, (text) => {
        fc.pre(!/[[\]%]/.test(text))
        expect(parseClientAddress(text) !== undefined).toBe(platformReads(text))
      }),
      { numRuns: 2_000 },
    )
  })
})

/** What the URL parser of the platform makes of an IPv6 literal; dotted IPv4 by a plain pattern. */
function platformReads(text: string): boolean {
  if (!text.includes(':')) return /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/.test(text)
  return URL.canParse(`http://[${text}]/`)
}

describe('the client of a request', () => {
  it('is the peer when nobody in front is trusted, whatever the headers say', () => {
    const direct = createAddressResolver({ trustedProxies: [], header: 'x-forwarded-for' })
    const headers = { 'x-forwarded-for': '192.0.2.66', forwarded: 'for=192.0.2.66', 'x-real-ip': '192.0.2.66' }
    expect(direct('203.0.113.9', headers).text).toBe('203.0.113.9')
    expect(proxied('203.0.113.9', headers).text).toBe('203.0.113.9')
  })

  it('is the right-most hop that is not a trusted proxy, never the first entry a client wrote', () => {
    expect(behindProxy('203.0.113.9')).toBe('203.0.113.9')
    expect(behindProxy('6.6.6.6, 203.0.113.9')).toBe('203.0.113.9')
    expect(behindProxy('6.6.6.6, 203.0.113.9, 10.1.1.1, 2001:db8:ffff::5')).toBe('203.0.113.9')
    expect(behindProxy('10.9.9.9, 203.0.113.9')).toBe('203.0.113.9')
  })

  it('is found over all lines of the header, in their order', () => {
    expect(behindProxy(['6.6.6.6', '203.0.113.9, 10.1.1.1'])).toBe('203.0.113.9')
    const rawHeaders = [
      'Host',
      'x',
      'X-Forwarded-For',
      '6.6.6.6',
      'x-forwarded-for',
      '203.0.113.9',
      'X-FORWARDED-FOR',
      '10.1.1.1',
    ]
    expect(proxied(proxy, { 'x-forwarded-for': '6.6.6.6' }, rawHeaders).text).toBe('203.0.113.9')
    expect(proxied(proxy, { 'x-forwarded-for': '6.6.6.6' }, ['Host', 'x']).text).toBe(proxy)
  })

  it('is told by the configured header alone', () => {
    expect(proxied(proxy, { forwarded: 'for=6.6.6.6' }).text).toBe(proxy)
    expect(standard(proxy, { 'x-forwarded-for': '6.6.6.6' }).text).toBe(proxy)
    expect(standard(proxy, { 'x-forwarded-for': '6.6.6.6', forwarded: 'for=203.0.113.9' }).text).toBe('203.0.113.9')
  })

  it('is the same whatever the port, the brackets, the zone and the case of its hop', () => {
    for (const hop of [
      '[2001:db8::9]',
      '[2001:DB8::9]:4711',
      '2001:db8::9',
      '2001:db8:0::9%eth0',
      '[2001:db8::9%1]:1',
    ]) {
      expect(behindProxy(hop)).toBe('2001:db8::9')
    }
    for (const hop of ['203.0.113.9:4711', '::ffff:203.0.113.9', '[::ffff:203.0.113.9]:80', '\t203.0.113.9 ']) {
      expect(behindProxy(hop)).toBe('203.0.113.9')
    }
  })

  it('is recognised behind a proxy whose own address is mapped into IPv6', () => {
    expect(proxied('::ffff:10.0.0.1', { 'x-forwarded-for': '203.0.113.9' }).text).toBe('203.0.113.9')
  })

  it.each(['unknown', '_hidden', '', 'garbage', '203.0.113.9:999999', '0x7f.1', '[203.0.113.9]', 'a'.repeat(5_000)])(
    'is the last good hop when the next one reads %j, and nothing further left is believed',
    (hop) => {
      expect(behindProxy(`6.6.6.6, ${hop}`)).toBe(proxy)
      expect(behindProxy(`6.6.6.6, ${hop}, 10.1.1.1`)).toBe('10.1.1.1')
    },
  )

  it('is the furthest trusted hop when all of them are', () => {
    expect(behindProxy('10.3.3.3, 10.2.2.2')).toBe('10.3.3.3')
  })

  it('has an address to be counted by even when the socket tells none', () => {
    for (const peer of [undefined, '', 'not an address']) {
      expect(proxied(peer, { 'x-forwarded-for': '6.6.6.6' })).toEqual({ text: '0.0.0.0', key: '0.0.0.0', family: 4 })
    }
  })
})

describe('Forwarded', () => {
  it.each([
    ['for=203.0.113.9', '203.0.113.9'],
    ['For="203.0.113.9:47011"', '203.0.113.9'],
    ['for="[2001:db8::9]:47011"', '2001:db8::9'],
    ['for="[2001:db8::9]:_port"', '2001:db8::9'],
    ['for=6.6.6.6;proto=http, for=203.0.113.9;by=10.0.0.1;proto=https, for=10.1.1.1', '203.0.113.9'],
    ['for=203.0.113.9 ; proto=https', '203.0.113.9'],
    ['for="203.0.113\\.9"', '203.0.113.9'],
    ['for=6.6.6.6;by="a\\", for=7.7.7.7", for=203.0.113.9', '203.0.113.9'],
    ['for=6.6.6.6;by="x, for=7.7.7.7", for=203.0.113.9;host="a, for=8.8.8.8"', '203.0.113.9'],
  ])('%s names %s', (value, text) => {
    expect(behindStandard(value)).toBe(text)
  })

  it.each([
    'for=unknown',
    'for=_hidden',
    'proto=https',
    'for=6.6.6.6;for=7.7.7.7',
    'for="6.6.6.6',
    'for=6.6.6.6"',
    'for="6.6.6.6"x',
    'for=[2001:db8::9]',
    'for= 6.6.6.6',
    'for:6.6.6.6',
    '6.6.6.6',
    '',
    ',',
    'for=6.6.6.6,',
    'for=6.6.6.6;proto',
  ])('believes nothing of %j but the proxy', (value) => {
    expect(behindStandard(value)).toBe(proxy)
  })

  it('does not let a quote left open by a client swallow what the proxy added', () => {
    for (const opened of ['for="', 'for=6.6.6.6;by="', 'for="6.6.6.6\\', 'x="\\"', '"']) {
      for (const added of ['for=203.0.113.9', 'for="203.0.113.9:1"', 'for="[2001:db8::9]";host=";for=6.6.6.6;x="']) {
        expect(['203.0.113.9', '2001:db8::9', proxy]).toContain(behindStandard(`${opened}, ${added}`))
      }
    }
  })
})

describe('whatever a client writes left of its proxy', () => {
  const anything = fc.oneof(
    fc.string(),
    fc.string({ unit: fc.constantFrom(...'for=";,\\:.[]%0129afx_- '), maxLength: 80, size: 'max' }),
    fc.constantFrom('10.0.0.1', 'for=10.0.0.1', '6.6.6.6, 10.0.0.1', 'for=6.6.6.6, for=10.0.0.1'),
  )

  it('X-Forwarded-For names the address the proxy saw', () => {
    fc.assert(
      fc.property(anything, (written) => {
        expect(behindProxy(`${written}, 203.0.113.9`)).toBe('203.0.113.9')
      }),
    )
  })

  it('Forwarded names the address the proxy saw, or the proxy', () => {
    fc.assert(
      fc.property(anything, fc.constantFrom('for=203.0.113.9', 'for="203.0.113.9:80"'), (written, added) => {
        expect(['203.0.113.9', proxy]).toContain(behindStandard(`${written}, ${added}`))
      }),
    )
  })

  it('10,000 entries are answered at once, trusted or not', () => {
    const entries = (entry: string) => Array.from({ length: 10_000 }, () => entry).join(', ')
    const startMs = performance.now()
    for (let round = 0; round < 10; round += 1) {
      expect(behindProxy(`${entries('6.6.6.6')}, 203.0.113.9`)).toBe('203.0.113.9')
      expect(behindProxy(entries('10.0.0.2'))).toBe('10.0.0.2')
      expect(behindStandard(`${entries('for="6.6.6.6"')}, for=203.0.113.9`)).toBe('203.0.113.9')
      expect(behindStandard(entries('for=10.0.0.2;by="a,b"'))).toBe('10.0.0.2')
      behindProxy(','.repeat(10_000))
      behindStandard('"'.repeat(10_001))
    }
    // Sixty headers of up to 200 KB: a walk that is not linear takes minutes.
    expect(performance.now() - startMs).toBeLessThan(2_000)
  })
})

describe('trusted proxies', () => {
  it('are addresses or blocks of either family, and every other text is named', () => {
    const trustedProxies = ['10.0.0.1', '::1', '10.0.0.1/8', 'proxy.internal', '::/129']
    expect.assertions(2)
    try {
      createAddressResolver({ trustedProxies, header: 'forwarded' })
    } catch (error) {
      expect(error).toBeInstanceOf(PolicyError)
      expect(error).toMatchObject({
        faults: [
          { path: 'trustedProxies[2]', suggestion: '10.0.0.0/8' },
          { path: 'trustedProxies[3]' },
          { path: 'trustedProxies[4]' },
        ],
      })
    }
  })

  it('written as IPv4 inside IPv6 are that IPv4 block, and ::/0 trusts no IPv4 peer', () => {
    const header = 'x-forwarded-for'
    const headers = { [header]: '203.0.113.9' }
    const mapped = createAddressResolver({ trustedProxies: ['::ffff:10.0.0.0/104'], header })
    expect(mapped('10.200.0.1', headers).text).toBe('203.0.113.9')
    const everyIpv6 = createAddressResolver({ trustedProxies: ['::/0'], header })
    expect(everyIpv6('2001:db8::1', headers).text).toBe('203.0.113.9')
    expect(everyIpv6('10.0.0.1', headers).text).toBe('10.0.0.1')
  })

  it('are matched to the last bit of their prefix', () => {
    const header = 'x-forwarded-for'
    for (const [block, inside, outside] of [
      ['192.0.2.128/25', '192.0.2.255', '192.0.2.127'],
      ['192.0.2.1/32', '192.0.2.1', '192.0.2.0'],
      ['0.0.0.0/1', '127.255.255.255', '128.0.0.0'],
      ['2001:db8::/33', '2001:db8:7fff::1', '2001:db8:8000::1'],
      ['2001:db8::1/128', '2001:db8::1', '2001:db8::'],
    ] as const) {
      const resolve = createAddressResolver({ trustedProxies: [block], header })
      expect(resolve(inside, { [header]: '203.0.113.9' }).text).toBe('203.0.113.9')
      expect(resolve(outside, { [header]: '203.0.113.9' }).text).toBe(outside)
    }
  })

  it('are recognised again after a flood of other peers has passed through the cache', () => {
    for (let index = 0; index < 20_000; index += 1) proxied(`203.0.${index >>> 8}.${index & 255}`, {})
    expect(behindProxy('198.51.100.1')).toBe('198.51.100.1')
  })
})
