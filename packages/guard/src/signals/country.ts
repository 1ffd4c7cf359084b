import { type Cidr, isInBlocks, readCidr } from '../cidr.ts'
import type { RequestHeaders } from '../client-address.ts'
import { PolicyError } from '../faults.ts'
import { parseAddress } from '../ip-address.ts'
import { createRecentCache } from '../recent-cache.ts'

/** Where the country is told, and by whom. */
export interface CountryOptions {
  /** The header that the proxy sets, in any case, such as `cf-ipcountry` or `cloudfront-viewer-country`. */
  readonly header: string
  /** Addresses and CIDR blocks of the proxies in front; with none, no country is ever believed. */
  readonly trustedProxies: readonly string[]
}

/** The country of a request: two capital letters, or undefined when nobody trusted tells one. */
export type CountryReader = (socketAddress: string | undefined, headers: RequestHeaders) => string | undefined

/**
 * The codes assigned by ISO 3166-1, and XK, by which Kosovo is known. What proxies write for "not known" (`XX`), Tor
 * (`T1`) and other networks without a country is none of them.
 */
const countries: ReadonlySet<string> = new Set(
  (
    'AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ ' +
    'CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR ' +
    'GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP ' +
    'KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT ' +
    'MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW ' +
    'SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ ' +
    'UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW XK'
  ).split(' '),
)

/** Peers remembered by each of two generations: behind a proxy they are few. */
const REMEMBERED_PEERS = 1_024
const headerName = /^[a-z0-9-]{1,64}$/

/**
 * Builds the function that reads a request's country from the header of a trusted proxy. A header from any other peer
 * was written by the client and says nothing; so does one that holds anything but one assigned code.
 *
 * The proxy must overwrite what clients send in that header: most that set it do.
 *
 * @throws PolicyError when the name is no header's, or a trusted proxy is neither an address nor a CIDR block.
 */
export function createCountryReader(options: CountryOptions): CountryReader {
  const header = options.header.toLowerCase()
  if (!headerName.test(header)) throw new PolicyError([{ path: 'header', message: 'is not the name of a header' }])
  const isTrusted = createTrust(options.trustedProxies)

  return (socketAddress, headers) => {
    const value = headers[header]
    if (typeof value !== 'string' || value.length !== 2) return undefined
    if (socketAddress === undefined || !isTrusted(socketAddress)) return undefined
    const code = value.toUpperCase()
    return countries.has(code) ? code : undefined
  }
}

function createTrust(trustedProxies: readonly string[]): (peer: string) => boolean {
  const blocks: Cidr[] = []
  for (const [index, text] of trustedProxies.entries()) {
    const reading = readCidr(text)
    if (!reading.ok) throw new PolicyError([{ path: `trustedProxies[${index}]`, message: reading.message }])
    blocks.push(reading.cidr)
  }
  const recent = createRecentCache<boolean>(REMEMBERED_PEERS)
  const words = new Uint32Array(4)
  return (peer) => {
    const known = recent.get(peer)
    if (known !== undefined) return known
    const family = parseAddress(peer, words)
    const isTrusted = family !== 0 && isInBlocks(blocks, family, words)
    recent.set(peer, isTrusted)
    return isTrusted
  }
}
