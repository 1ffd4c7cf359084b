import { createHmac, randomBytes } from 'node:crypto'
import type { ClientAddress } from '../client-address.ts'

/**
 * Builds the function that names clients in results. Without leave to show addresses, a name is the beginning of the
 * address (IPv4 /24, IPv6 /48) and six hexadecimal digits that tell clients of it apart: keyed at random, they mean
 * nothing outside this one result.
 */
export function createClientNames(showsAddresses: boolean): (address: ClientAddress) => string {
  if (showsAddresses) return ({ key }) => key
  const key = randomBytes(32)
  return (address) => {
    const mark = createHmac('sha256', key).update(address.key).digest('hex').slice(0, 6)
    return `${beginningOf(address)} #${mark}`
  }
}

function beginningOf({ family, key }: ClientAddress): string {
  if (family === 4) return `${key.slice(0, key.lastIndexOf('.'))}.*`
  const head = key.slice(0, key.includes('::') ? key.indexOf('::') : undefined).split(':')
  return `${head.slice(0, 3).join(':')}:*`
}

const LONGEST_EXAMPLE = 100

/**
 * The shape of a line that cannot be read: its beginning, without what could name a person. Digits become 0, what stands
 * before an @ and behind a ? is left out, and so is every word of hexadecimal digits and colons.
 */
export function maskLine(bytes: Buffer): string {
  const text = bytes.toString('latin1', 0, Math.min(bytes.length, 400))
  const masked = text
    .replace(/[^\x20-\x7e]/g, '·')
    .replace(/[\w.+-]+@[\w.-]+/g, '…@…')
    .replace(/[\da-fA-F]*:[\da-fA-F:]*:[\da-fA-F.]*/g, (run) => (/^\d\d:\d\d:\d\d$/.test(run) ? run : '…:…'))
    .replace(/\?[^\s"]*/g, '?…')
    .replace(/\d/g, '0')
  return masked.length > LONGEST_EXAMPLE ? `${masked.slice(0, LONGEST_EXAMPLE)}…` : masked
}
