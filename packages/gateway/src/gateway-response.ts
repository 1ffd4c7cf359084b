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

  /** Where Node writes the head of an answer: the first line, then its fields. */
  _storeHeader(firstLine: string, headers: OutgoingHttpHeaders | OutgoingHttpHeader[] | undefined): void {
    storeHeader.call(this, firstLine + this.lines + this.quota, headers)
  }
}

// Of OutgoingMessage; Node's types leave it out. The runtime is pinned, and tests read the fields off the wire.
const storeHeader: (this: ServerResponse, firstLine: string, headers: unknown) => void = Reflect.get(
  ServerResponse.prototype,
  '_storeHeader',
)
