import * as crypto from 'node:crypto'

/** A new UUIDv7 (RFC 9562 §5.7): ids are in order of creation. */
export const createId = (): string => crypto.randomUUIDv7()
