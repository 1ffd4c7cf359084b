import { createHmac, createSecretKey, type KeyObject, randomBytes, timingSafeEqual } from 'node:crypto'
import { hostCookie, readCookie } from '../browser/cookies.ts'

/** Names a device on which somebody has signed in before, for the accounts of those who did. */
export const DEVICE_COOKIE = '__Host-rmp_device'

/** Accounts that one device is known for; the one that was used longest ago is forgotten. */
const mostAccounts = 5
const days = 365
const idBytes = 16
const tagBytes = 16
const shape = /^[A-Za-z0-9_-]{22}(?:\.[A-Za-z0-9_-]{22}){1,5}$/

/** Tells the devices of an account's owner from those of strangers. */
export interface KnownDevices {
  /** The device's name when it is known for this account; undefined for every other. */
  find(cookieHeader: string | undefined, account: string): string | undefined
  /** The Set-Cookie field that makes the device known for this account too. */
  remember(cookieHeader: string | undefined, account: string): string
}

/**
 * A known device has attempts of its own: strangers who fail at an account lock themselves out of it, and not its owner.
 * The cookie says nothing but that; it signs nobody in.
 *
 * @param keys - 32 bytes each, used for nothing else. The first makes devices known; what any of them made known is.
 */
export function createKnownDevices(...keys: readonly [Buffer, ...Buffer[]]): KnownDevices {
  // A key object costs a fifth of what a buffer does each time it is used.
  const secrets = keys.map((key) => createSecretKey(key))
  const tagsOf = (device: string, account: string): readonly Buffer[] =>
    secrets.map((secret) => tagOf(secret, device, account))
  const read = (header: string | undefined): { device: string; tags: readonly string[] } | undefined => {
    const value = readCookie(header, DEVICE_COOKIE)
    if (value === undefined || !shape.test(value)) return undefined
    const [device = '', ...tags] = value.split('.')
    return { device, tags }
  }
  const isKnown = (tags: readonly string[], own: readonly Buffer[]): boolean =>
    tags.some((each) => own.some((tag) => timingSafeEqual(Buffer.from(each, 'base64url'), tag)))

  return {
    find(header, account) {
      const cookie = read(header)
      if (cookie === undefined) return undefined
      return isKnown(cookie.tags, tagsOf(cookie.device, account)) ? cookie.device : undefined
    },
    remember(header, account) {
      const cookie = read(header)
      const device = cookie?.device ?? randomBytes(idBytes).toString('base64url')
      const own = tagsOf(device, account).map((tag) => tag.toString('base64url'))
      const others = (cookie?.tags ?? []).filter((each) => !own.includes(each))
      const tags = [...own.slice(0, 1), ...others].slice(0, mostAccounts)
      return hostCookie(DEVICE_COOKIE, [device, ...tags].join('.'), 'Lax', days * 86_400)
    },
  }
}

const tagOf = (key: KeyObject, device: string, account: string): Buffer =>
  createHmac('sha256', key).update(`${device.length}:${device}${account}`).digest().subarray(0, tagBytes)
