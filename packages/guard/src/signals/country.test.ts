import { describe, expect, it } from 'vitest'
import { PolicyError } from '../faults.ts'
import { createCountryReader } from './country.ts'

const countryOf = createCountryReader({ header: 'CF-IPCountry', trustedProxies: ['10.0.0.0/8', '2001:db8::/32'] })

describe('createCountryReader', () => {
  it('believes a trusted proxy, over IPv4, IPv6 and IPv4 within IPv6', () => {
    for (const peer of ['10.1.2.3', '2001:db8::1', '::ffff:10.1.2.3']) {
      expect(countryOf(peer, { 'cf-ipcountry': 'FR' })).toBe('FR')
    }
    expect(countryOf('10.1.2.3', { 'cf-ipcountry': 'gb' })).toBe('GB')
    expect(countryOf('10.1.2.3', { 'cf-ipcountry': 'XK' })).toBe('XK')
  })

  it('does not let a client choose its country', () => {
    const headers = { 'cf-ipcountry': 'FR' }
    for (const peer of ['203.0.113.7', '11.0.0.1', '::1', 'garbage', '', undefined]) {
      expect(countryOf(peer, headers)).toBeUndefined()
    }
    const trustsNobody = createCountryReader({ header: 'cf-ipcountry', trustedProxies: [] })
    expect(trustsNobody('10.1.2.3', headers)).toBeUndefined()
  })

  it('does not believe two values, of which the client may have written one', () => {
    expect(countryOf('10.1.2.3', { 'cf-ipcountry': 'FR, US' })).toBeUndefined()
    expect(countryOf('10.1.2.3', { 'cf-ipcountry': ['FR', 'US'] })).toBeUndefined()
  })

  it.each(['XX', 'T1', 'EU', 'UK', 'AP', 'ZZ', '', ' ', 'F', 'FRA', 'fr ', '12', 'ﬀ', 'İİ', 'ß', '__'])(
    'takes "%s" for no country',
    (value) => {
      expect(countryOf('10.1.2.3', { 'cf-ipcountry': value })).toBeUndefined()
    },
  )

  it('does not start with a name that is no header’s or a proxy that is no address', () => {
    expect(() => createCountryReader({ header: 'not a header', trustedProxies: [] })).toThrow(PolicyError)
    expect(() => createCountryReader({ header: '', trustedProxies: [] })).toThrow(PolicyError)
    expect(() => createCountryReader({ header: 'x-country', trustedProxies: ['10.0.0.0/33'] })).toThrow(PolicyError)
  })
})
