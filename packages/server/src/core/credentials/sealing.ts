import { createCipheriv, createDecipheriv, createSecretKey, hash, type KeyObject, randomBytes } from 'node:crypto'
import { deriveKey } from '../secrets.ts'

/** The keys of one purpose: new values are sealed under the first, old ones open under any. */
export interface KeyRing {
  readonly current: SealingKey
  readonly previous: readonly SealingKey[]
}

/** An AES-256 key and the four bytes that name it in what it sealed. */
export interface SealingKey {
  readonly id: Buffer
  readonly key: KeyObject
}

/** Something could not be unsealed. It says neither what nor why: wrong key, wrong owner and damage look alike. */
export class UnsealError extends Error {
  override readonly name = 'UnsealError'

  constructor() {
    super('the value cannot be unsealed')
  }
}

const version = 1
const keyBytes = 32
const nonceBytes = 12
const tagBytes = 16
const idBytes = 4
const headerBytes = 1 + idBytes

/**
 * The keys of one purpose from the master secrets. To rotate, the new master becomes the current one and the old one
 * moves to the previous ones until everything is sealed anew.
 *
 * @param label - One of `keyLabels`.
 * @throws RangeError a master is under 32 bytes, or two have the same key id.
 */
export function createKeyRing(
  masters: { readonly current: Buffer; readonly previous?: readonly Buffer[] },
  label: string,
): KeyRing {
  const [current, ...previous] = [masters.current, ...(masters.previous ?? [])].map((master) =>
    sealingKey(master, label),
  )
  if (current === undefined) throw new RangeError('a key ring has a current key')
  const ids = new Set([current, ...previous].map(({ id }) => id.toString('hex')))
  if (ids.size !== previous.length + 1) throw new RangeError('two master secrets of a key ring are the same')
  return { current, previous }
}

/**
 * The ring of one key that is random and used for nothing else. Nothing is derived from it, which would take longer than to
 * seal.
 *
 * @throws RangeError it is not 32 bytes.
 */
export function ringOfKey(key: Buffer): KeyRing {
  if (key.length !== keyBytes) throw new RangeError('a sealing key is 32 bytes')
  return { current: named(key), previous: [] }
}

/**
 * Seals a value with AES-256-GCM under the ring's current key: a version byte, the key's id, a random 96-bit nonce, the
 * ciphertext, a 128-bit tag. 33 bytes longer than what it holds. One key is good for 2^32 values.
 *
 * @param aad - Whose value this is and what for, such as tenant, user and purpose. It opens under the same list only:
 *   a value copied into another row does not open there.
 * @throws TypeError a part of the list is no well-formed text.
 */
export function seal(ring: KeyRing, plaintext: Uint8Array, aad: readonly string[]): Buffer {
  const header = currentHeader(ring)
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv('aes-256-gcm', ring.current.key, nonce, { authTagLength: tagBytes })
  cipher.setAAD(boundTo(header, aad))
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()])
  return Buffer.concat([header, nonce, ciphertext, cipher.getAuthTag()])
}

/**
 * What was sealed.
 *
 * @throws UnsealError it was sealed under a key that is gone, for another list, or is not what was sealed.
 */
export function unseal(ring: KeyRing, sealed: Uint8Array, aad: readonly string[]): Buffer {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength)
  const header = bytes.subarray(0, headerBytes)
  const found = [ring.current, ...ring.previous].find(({ id }) => id.equals(header.subarray(1)))
  if (bytes.length < headerBytes + nonceBytes + tagBytes || header[0] !== version || found === undefined) {
    throw new UnsealError()
  }
  const nonce = bytes.subarray(headerBytes, headerBytes + nonceBytes)
  try {
    const decipher = createDecipheriv('aes-256-gcm', found.key, nonce, { authTagLength: tagBytes })
    decipher.setAAD(boundTo(header, aad))
    decipher.setAuthTag(bytes.subarray(-tagBytes))
    return Buffer.concat([decipher.update(bytes.subarray(headerBytes + nonceBytes, -tagBytes)), decipher.final()])
  } catch {
    throw new UnsealError()
  }
}

/** Whether a value is sealed under another key than the current one, and is to be sealed anew. */
export function needsReseal(ring: KeyRing, sealed: Uint8Array): boolean {
  return !currentHeader(ring).equals(sealed.subarray(0, headerBytes))
}

/**
 * The same value under the ring's current key; undefined when it opens under none of them, or not for this list.
 *
 * @param aad - what it was sealed for, and is again.
 */
export function reseal(ring: KeyRing, sealed: Uint8Array, aad: readonly string[]): Buffer | undefined {
  try {
    const plain = unseal(ring, sealed, aad)
    const fresh = seal(ring, plain, aad)
    plain.fill(0)
    return fresh
  } catch (error) {
    if (error instanceof UnsealError) return undefined
    throw error
  }
}

/** What every value begins with that is sealed under the ring's current key: 5 bytes, by which a database finds the rest. */
export function currentHeader(ring: KeyRing): Buffer {
  return Buffer.concat([Buffer.of(version), ring.current.id])
}

const sealingKey = (master: Buffer, label: string): SealingKey => named(deriveKey(master, label, keyBytes))

const idPrefix = Buffer.from('rempart/key-id\0')

// A key object costs a fifth of what a buffer does each time it is used.
const named = (key: Buffer): SealingKey => ({
  key: createSecretKey(key),
  id: hash('sha256', Buffer.concat([idPrefix, key]), 'buffer').subarray(0, idBytes),
})

/** Every part behind its length, so that no two lists are the same bytes: `ab`, `c` is not `a`, `bc`. */
function boundTo(header: Buffer, parts: readonly string[]): Buffer {
  const encoded = parts.map((part) => {
    if (!part.isWellFormed()) throw new TypeError('a part of the associated data is no well-formed text')
    const text = Buffer.from(part)
    return Buffer.concat([uint32(text.length), text])
  })
  return Buffer.concat([header, ...encoded])
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
