import type { FastifyRequest } from 'fastify'
import { type Pairs, parsePairs } from './urlencoded-body.ts'

/** As much of a refused body as is read anyway, to keep its connection of use. */
const mostBytes = 65_536
const longestMs = 2_000

/**
 * Reads the body of a request that was refused before any byte of it was read, so that a visitor's answers are not lost
 * to a limit. Undefined: it is too long, of another type, without a length, malformed, or late.
 */
export async function readRefusedPairs(request: FastifyRequest): Promise<Pairs | undefined> {
  const { headers } = request
  const length = Number(headers['content-length'] ?? Number.NaN)
  if (headers['content-type'] !== 'application/x-www-form-urlencoded' || headers.expect !== undefined) return undefined
  if (headers['transfer-encoding'] !== undefined || !(length > 0 && length <= mostBytes)) return undefined
  const body = await readWhole(request)
  try {
    return body && parsePairs(body)
  } catch {
    return undefined
  }
}

function readWhole({ raw }: FastifyRequest): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    const finish = (body?: Buffer): void => {
      clearTimeout(timer)
      resolve(body)
    }
    const timer = setTimeout(finish, longestMs)
    raw.on('data', (chunk: Buffer) => void chunks.push(chunk))
    raw.once('end', () => finish(Buffer.concat(chunks)))
    raw.once('close', () => finish()).once('error', () => finish())
  })
}
