import { describe, expect, it } from 'vitest'
import { canonicalNetwork, isInNetworks } from './networks.ts'

describe('a network', () => {
  it.each([
    ['203.0.113.0/24', '203.0.113.0/24'],
    ['203.0.113.7', '203.0.113.7/32'],
    ['2001:DB8::/32', '2001:db8::/32'],
    ['2001:db8:0:0::1', '2001:db8::1/128'],
    ['::ffff:203.0.113.7', '203.0.113.7/32'],
    ['0.0.0.0/0', '0.0.0.0/0'],
  ])('%s is kept as %s', (text, canonical) => expect(canonicalNetwork(text)).toBe(canonical))

  it.each([
    '',
    '/24',
    '203.0.113.0/33',
    '203.0.113.0/024',
    '203.0.113.0/-1',
    '2001:db8::/129',
    '::ffff:1.2.3.4/96',
    'a',
    '1.2.3',
    '1.2.3.4 ',
    '1.2.3.4/8/8',
  ])('%j is none', (text) => expect(canonicalNetwork(text)).toBeUndefined())

  it.each([
    ['203.0.113.255', ['203.0.113.0/24'], true],
    ['203.0.114.0', ['203.0.113.0/24'], false],
    ['2001:db8:ffff::1', ['2001:db8::/32'], true],
    ['2001:db9::1', ['2001:db8::/32'], false],
    ['203.0.113.1', ['2001:db8::/32', '203.0.113.1/32'], true],
    ['10.9.8.7', ['10.1.2.3/8'], true],
    ['::1', ['0.0.0.0/0'], false],
    ['127.0.0.1', ['::/0'], false],
    ['127.0.0.1', ['garbage'], false],
  ])('%s in %j: %s', (address, networks, isIn) => expect(isInNetworks(networks, address)).toBe(isIn))
})
