import { type OutgoingHttpHeader, type OutgoingHttpHeaders, ServerResponse } from 'node:http'

/**
 * An answer whose fields are lines already: the upstream's, which its reader has checked, and the guard's. Node checks
 * and joins each field one by one, which costs more than to forward a small answer. What frames the body (length, coding,
 * connection) goes through Node as ever.
 */
export class GatewayResponse extends ServerResponse {
  /** What the guard says of the quota. */
  quota = ''
  /** All other fields but those that frame the body. */
  lines = ''
  /** What makes this answer: it hears when nobody waits for it any more. */
  exchange: { onClientGone(): void } | undefined
  #whole = ''

  /** Sends a body that is there to its last byte, one character each: with the head, as one piece. */
  endWhole(status: number, reason: string, fields: OutgoingHttpHeader[] | undefined, body: string): void {
    this.#whole = body
    this.writeHead(status, reason, fields)
    this.end()
  }

  /** Where Node writes the head of an answer: the first line, then its fields. */
  _storeHeader(firstLine: string, headers: OutgoingHttpHeaders | OutgoingHttpHeader[] | undefined): void {
    storeHeader.call(this, firstLine + this.lines + this.quota, headers)
    // Where Node keeps the head it has made until the first byte of the body; its types leave that out.
    const own = this as unknown as { _header: string }
    if (this.#whole !== '') own._header += this.#whole
  }
}

// Of OutgoingMessage; Node's types leave it out. The runtime is pinned, and tests read the fields off the wire.
const storeHeader: (this: ServerResponse, firstLine: string, headers: unknown) => void = Reflect.get(
  ServerResponse.prototype,
  '_storeHeader',
)
