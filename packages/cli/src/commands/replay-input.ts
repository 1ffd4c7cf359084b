import { type FileHandle, open } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { constants, createGunzip, createZstdDecompress, gunzipSync, zstdDecompressSync } from 'node:zlib'
import { readFirstSecond } from '@rempart/guard'
import { Failure } from '../failure.ts'
import { words } from '../words.ts'

/** A log as bytes, whatever it was packed in. */
export interface LogInput {
  readonly name: string
  /** Bytes of the file as it lies on the disk; undefined for standard input. */
  readonly size: number | undefined
  /** Of these, how many have been read. */
  readonly progress: { read: number }
  /** The time of the first line that can be read, in Unix seconds; -Infinity where nothing tells. */
  readonly firstSecond: number
  /** Whether the log ended before it should. Known when the chunks have come to their end. */
  readonly isCutOff: () => boolean
  /** The bytes. A chunk is good until the next one is asked for. */
  readonly chunks: () => AsyncIterable<Buffer>
}

const CHUNK_BYTES = 1_048_576
const PEEKED_BYTES = 131_072

/** Opens a log for reading, `-` for standard input. @throws Failure when it cannot be read. */
export async function openInput(file: string): Promise<LogInput> {
  if (file === '-') {
    const progress = { read: 0 }
    const source = unpack(countBytes(process.stdin, progress))
    return { name: file, size: undefined, progress, firstSecond: -Infinity, ...source }
  }
  try {
    return await openFile(file)
  } catch {
    throw new Failure(words.fileUnreadable(file))
  }
}

async function openFile(file: string): Promise<LogInput> {
  const handle = await open(file)
  const { size } = await handle.stat()
  const beginning = Buffer.alloc(PEEKED_BYTES)
  // A directory can be opened, and not read.
  const { bytesRead } = await handle.read(beginning, 0, PEEKED_BYTES, 0)
  await handle.close()
  const progress = { read: 0 }
  const firstSecond = readFirstSecond(unpackSample(beginning.subarray(0, bytesRead))) ?? -Infinity
  return { name: file, size, progress, firstSecond, ...unpack(readFile(file, progress)) }
}

/** The whole lines of a log's beginning, unpacked as far as it goes. */
function unpackSample(sample: Buffer): Buffer {
  try {
    if (isGzip(sample)) return gunzipSync(sample, { finishFlush: constants.Z_SYNC_FLUSH })
    if (isZstd(sample)) return zstdDecompressSync(sample, { finishFlush: constants.ZSTD_e_flush })
  } catch {
    return Buffer.alloc(0)
  }
  return sample
}

const isGzip = (bytes: Buffer): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b
const isZstd = (bytes: Buffer): boolean => bytes.length >= 4 && bytes.readUInt32LE(0) === 0xfd2fb528

/** Reads a file into two buffers in turn, one ahead: the bytes of one are used while the other is filled. */
async function* readFile(file: string, progress: { read: number }): AsyncGenerator<Buffer> {
  const handle = await open(file)
  try {
    let [filled, spare] = [Buffer.allocUnsafeSlow(CHUNK_BYTES), Buffer.allocUnsafeSlow(CHUNK_BYTES)]
    let reading = fill(handle, filled)
    for (;;) {
      const count = await reading
      if (count === 0) return
      reading = fill(handle, spare)
      // A loop that is left early must not leave a rejection behind.
      reading.catch(() => undefined)
      progress.read += count
      yield filled.subarray(0, count)
      const next = filled
      filled = spare
      spare = next
    }
  } finally {
    await handle.close()
  }
}

const fill = async (handle: FileHandle, buffer: Buffer): Promise<number> =>
  (await handle.read(buffer, 0, buffer.length, null)).bytesRead

async function* countBytes(stream: AsyncIterable<Buffer>, progress: { read: number }): AsyncGenerator<Buffer> {
  for await (const chunk of stream) {
    progress.read += chunk.length
    yield chunk
  }
}

/** Unpacks a log by what its first bytes say, not by its name. */
function unpack(packed: AsyncIterable<Buffer>): Pick<LogInput, 'chunks' | 'isCutOff'> {
  let cutOff = false
  async function* chunks(): AsyncGenerator<Buffer> {
    const source = packed[Symbol.asyncIterator]()
    const first = await takeBeginning(source)
    const rest = resume(first, source)
    if (!isGzip(first) && !isZstd(first)) {
      yield* rest
      return
    }
    const options = { chunkSize: CHUNK_BYTES / 4 }
    const unpacked = isGzip(first) ? createGunzip(options) : createZstdDecompress(options)
    const input = Readable.from(copies(rest), { objectMode: false })
    input.on('error', (error) => unpacked.destroy(error))
    try {
      yield* input.pipe(unpacked) as AsyncIterable<Buffer>
    } catch (error) {
      if (!isDamage(error)) throw error
      cutOff = true
    } finally {
      input.destroy()
    }
  }
  return { chunks, isCutOff: () => cutOff }
}

/** Enough bytes to tell what a log is packed in, and some lines of one that is not. */
async function takeBeginning(source: AsyncIterator<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = []
  let length = 0
  while (length < 65_536) {
    const { value, done } = await source.next()
    if (done === true) break
    parts.push(Buffer.from(value))
    length += value.length
    // Sixteen lines tell the format; who types or tails a log is not kept waiting for more.
    if (countLines(parts) >= 16) break
  }
  return Buffer.concat(parts)
}

function countLines(parts: readonly Buffer[]): number {
  let lines = 0
  for (const part of parts) for (let at = part.indexOf(10); at >= 0; at = part.indexOf(10, at + 1)) lines += 1
  return lines
}

async function* resume(first: Buffer, source: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  if (first.length > 0) yield first
  for (;;) {
    const { value, done } = await source.next()
    if (done === true) return
    yield value
  }
}

/** A stream keeps chunks for later, when their buffers hold others already. */
async function* copies(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) yield Buffer.from(chunk)
}

function isDamage(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^(?:Z_|ZSTD_|ERR_ZLIB)/.test(String(error.code))
}
