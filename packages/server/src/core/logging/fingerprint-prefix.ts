import { type ClientAddress, createFingerprint } from '@rempart/guard'

/** Eight hex digits that name a client for a day, in a log that holds neither its address nor its User-Agent. */
export type FingerprintPrefix = (client: ClientAddress, userAgent: string | undefined, routeGroup: string) => string

const dayMs = 86_400_000
/** Beyond it all are forgotten and worked out again: dearer than forgetting one, and far rarer than remembering. */
const mostRemembered = 5_000
/** A User-Agent is sent by the caller: longer ones are worked out each time rather than kept. */
const longestRemembered = 256

/**
 * Names clients as `createFingerprint` does, and remembers those it has just named: a client that sends many requests,
 * a person's page or a flood, costs one HMAC and not one per request.
 *
 * @param secret - 32 bytes, used for nothing else.
 */
export function createFingerprintPrefix(secret: Buffer, clock: { now(): number }): FingerprintPrefix {
  const fingerprint = createFingerprint({ secret, rotationMs: dayMs })
  const remembered = new Map<string, string>()
  let day = -1

  return (address, userAgent, routeGroup) => {
    const nowMs = clock.now()
    const today = Math.floor(nowMs / dayMs)
    if (today !== day || remembered.size >= mostRemembered) {
      remembered.clear()
      day = today
    }
    // Neither an address nor a route pattern holds a line end, and Node refuses one in a header.
    const name = `${address.text}\n${routeGroup}\n${userAgent ?? ''}`
    const known = remembered.get(name)
    if (known !== undefined) return known
    const { fpPrefix } = fingerprint({ address, userAgent, routeGroup }, nowMs)
    if ((userAgent?.length ?? 0) <= longestRemembered) remembered.set(name, fpPrefix)
    return fpPrefix
  }
}
