import { randomBytes } from 'node:crypto'
import { Resolver } from 'node:dns/promises'
import { parseHost } from '../../core/request/trusted-hosts.ts'

/** Reads the TXT records of a name; none where there are none, or nobody answers. */
export type ReadTxt = (name: string) => Promise<readonly string[]>

/**
 * Asks the DNS.
 *
 * @param servers - addresses, with or without a port; those of the system when there are none.
 */
export function createTxtReader(servers: readonly string[]): ReadTxt {
  const resolver = new Resolver({ timeout: 2_000, tries: 2 })
  if (servers.length > 0) resolver.setServers([...servers])
  return async (name) => {
    try {
      // A record longer than 255 bytes comes in pieces.
      return (await resolver.resolveTxt(name)).map((pieces) => pieces.join(''))
    } catch {
      return []
    }
  }
}

/** A new proof: 192 bits, which nobody guesses and which says nothing. */
export const newProof = (): string => randomBytes(24).toString('base64url')

/** The TXT record that shows who controls a domain: its name, and what it has to say for this claim. */
export const proofRecord = (domain: string, proof: string): { readonly name: string; readonly value: string } => ({
  name: `_rempart.${domain}`,
  value: `rempart-domain=${proof}`,
})

/** Whether the DNS says what it has to. */
export async function isProven(readTxt: ReadTxt, domain: string, proof: string): Promise<boolean> {
  const { name, value } = proofRecord(domain, proof)
  return (await readTxt(name)).includes(value)
}

/**
 * The canonical spelling of a domain that a tenant may claim: a name with a dot, which is no address. Undefined for
 * anything else.
 */
export function claimable(text: string): string | undefined {
  const host = parseHost(text.trim())
  if (host === undefined || host.port !== undefined) return undefined
  return /^[a-z0-9.-]+\.[a-z][a-z0-9-]*$/.test(host.name) ? host.name : undefined
}
