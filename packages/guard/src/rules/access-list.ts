import { type Cidr, isInBlocks } from '../cidr.ts'
import type { ClientAddress } from '../client-address.ts'
import { parseAddress } from '../ip-address.ts'

/** What an access list says of an address it names; undefined of one it does not. */
export type AccessVerdict = 'allow' | 'deny' | undefined

/** The blocks of one rule. A block of `allow` is an exception to those of `deny`. */
export interface AccessBlocks {
  readonly allow: readonly Cidr[]
  readonly deny: readonly Cidr[]
}

const words = new Uint32Array(4)

/** Looks an address up by its full text, not by its counted key: a list may name one host of a /64. */
export function judgeAddress(blocks: AccessBlocks, address: ClientAddress): AccessVerdict {
  const family = parseAddress(address.text, words)
  if (isInBlocks(blocks.allow, family, words)) return 'allow'
  return isInBlocks(blocks.deny, family, words) ? 'deny' : undefined
}
