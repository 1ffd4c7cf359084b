import { BlockList, isIP } from 'node:net'
import { parseClientAddress } from '@rempart/guard'

interface Network {
  readonly address: string
  readonly prefix: number
  readonly family: 'ipv4' | 'ipv6'
}

/**
 * Reads a CIDR block or one address. Bits beyond the prefix do not count.
 *
 * @returns it as `203.0.113.0/24`, the address in its one spelling; undefined when it is none.
 */
export function canonicalNetwork(text: string): string | undefined {
  const network = parseNetwork(text)
  return network && `${network.address}/${network.prefix}`
}

/**
 * Whether an address lies in one of the blocks.
 *
 * @param networks - as `canonicalNetwork` writes them. What is none holds nobody.
 * @param address - in its canonical spelling.
 */
export function isInNetworks(networks: readonly string[], address: string): boolean {
  const family = isIP(address) === 4 ? 'ipv4' : 'ipv6'
  const blocks = new BlockList()
  for (const network of networks.map(parseNetwork)) {
    // `::/0` holds no IPv4 client, which Node's list would say it does.
    if (network?.family === family) blocks.addSubnet(network.address, network.prefix, family)
  }
  return blocks.check(address, family)
}

function parseNetwork(text: string): Network | undefined {
  const [, written = '', suffix] = /^([0-9A-Fa-f:.]+)(?:\/(0|[1-9][0-9]{0,2}))?$/.exec(text) ?? []
  const address = parseClientAddress(written)
  if (address === undefined) return undefined
  const width = address.family === 4 ? 32 : 128
  const prefix = suffix === undefined ? width : Number(suffix)
  if (prefix > width) return undefined
  return { address: address.text, prefix, family: address.family === 4 ? 'ipv4' : 'ipv6' }
}
