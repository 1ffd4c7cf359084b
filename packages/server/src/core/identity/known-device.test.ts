import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createKnownDevices } from './known-device.ts'

const devices = createKnownDevices(randomBytes(32))
const pairOf = (setCookie: string): string => setCookie.split(';')[0] ?? ''

describe('a known device', () => {
  it('is known for the account that signed in on it, and for no other', () => {
    const cookie = pairOf(devices.remember(undefined, 'ada'))
    expect(devices.find(cookie, 'ada')).toMatch(/^[\w-]{22}$/)
    expect(devices.find(cookie, 'grace')).toBeUndefined()
  })

  it('keeps its name when others sign in on it, and forgets the account that did so longest ago', () => {
    let cookie = pairOf(devices.remember(undefined, 'account 0'))
    const name = devices.find(cookie, 'account 0')
    for (let index = 1; index <= 5; index += 1) cookie = pairOf(devices.remember(cookie, `account ${index}`))
    expect(devices.find(cookie, 'account 0')).toBeUndefined()
    for (let index = 1; index <= 5; index += 1) expect(devices.find(cookie, `account ${index}`)).toBe(name)
    // Signing in again makes no second entry.
    expect(pairOf(devices.remember(cookie, 'account 5'))).toBe(cookie)
  })

  it('cannot be made up, carried to another name or signed by another installation', () => {
    const cookie = pairOf(devices.remember(undefined, 'ada'))
    const [name = '', value = ''] = cookie.split('=')
    const [device = '', tag = ''] = value.split('.')
    const forged = randomBytes(16).toString('base64url')
    for (const text of [
      `${forged}.${tag}`,
      `${device}.${forged}`,
      device,
      `${device}.${tag}.${tag}x`,
      '',
      '.',
      `${device}.`,
    ]) {
      expect(devices.find(`${name}=${text}`, 'ada'), text).toBeUndefined()
    }
    expect(createKnownDevices(randomBytes(32)).find(cookie, 'ada')).toBeUndefined()
    expect(devices.find(`${cookie}; ${cookie}`, 'ada')).toBeUndefined()
  })
})
