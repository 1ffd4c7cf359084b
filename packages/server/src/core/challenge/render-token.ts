import { createHmac, createSecretKey, randomFillSync, timingSafeEqual } from 'node:crypto'

/** What a render token is bound to: it holds for one form of one tenant. */
export interface RenderTokenSubject {
  readonly tenantId: string
  readonly formId: string
}

/** A token whose signature holds. Whether it is too young or too old is for the form to say. */
export interface RenderToken {
  /** When the form was rendered, Unix milliseconds. */
  readonly issuedAtMs: number
  /** 16 bytes, hex: what is remembered once the token is spent. */
  readonly nonce: string
}

export interface RenderTokens {
  /** A new token: 52 characters of base64url. */
  issue(subject: RenderTokenSubject, nowMs: number): string
  /** The token's content; undefined when it is malformed or was not made for this form by this installation. */
  verify(token: string, subject: RenderTokenSubject): RenderToken | undefined
}

const versionByte = 1
const timeBytes = 6
const nonceBytes = 16
const macBytes = 16
const signedBytes = 1 + timeBytes + nonceBytes
const shape = /^[A-Za-z0-9_-]{52}$/

/**
 * Signs the moment a form is shown: version, time, nonce and an HMAC-SHA256 cut to 128 bits (RFC 2104 §5) over them and
 * the subject. Every part of the signed text has a fixed or stated length, so no two subjects share a signature.
 *
 * @param keys - 32 bytes each, used for nothing else. The first signs; what any of them signed is believed.
 */
export function createRenderTokens(...keys: readonly [Buffer, ...Buffer[]]): RenderTokens {
  // A key object costs a fifth of what a buffer does each time it is used.
  const secrets = keys.map((key) => createSecretKey(key))
  const [own = createSecretKey(keys[0])] = secrets
  const sign = (head: Buffer, subject: RenderTokenSubject, secret = own): Buffer =>
    createHmac('sha256', secret)
      .update(
        `rempart/render-token/1\n${subject.tenantId.length}:${subject.tenantId}${subject.formId.length}:${subject.formId}\n`,
      )
      .update(head)
      .digest()
      .subarray(0, macBytes)

  return {
    issue(subject, nowMs) {
      const token = Buffer.allocUnsafe(signedBytes + macBytes)
      token.writeUInt8(versionByte, 0)
      token.writeUIntBE(nowMs, 1, timeBytes)
      randomFillSync(token, 1 + timeBytes, nonceBytes)
      sign(token.subarray(0, signedBytes), subject).copy(token, signedBytes)
      return token.toString('base64url')
    },
    verify(token, subject) {
      if (!shape.test(token)) return undefined
      const bytes = Buffer.from(token, 'base64url')
      const head = bytes.subarray(0, signedBytes)
      const mac = bytes.subarray(signedBytes)
      const isOurs = secrets.some((secret) => timingSafeEqual(sign(head, subject, secret), mac))
      if (bytes.readUInt8(0) !== versionByte || !isOurs) return undefined
      return {
        issuedAtMs: bytes.readUIntBE(1, timeBytes),
        nonce: bytes.toString('hex', 1 + timeBytes, signedBytes),
      }
    },
  }
}
