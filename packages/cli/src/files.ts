import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { readFile, rename, rm, stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { text as readText } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { Failure } from './failure.ts'
import { words } from './words.ts'

const largestBytes = 1_048_576

/** The text of a file, or of standard input for `-`. @throws Failure when it cannot be read or is larger than 1 MB. */
export async function readSource(file: string): Promise<string> {
  if (file === '-') return readText(process.stdin)
  let text: string
  try {
    if ((await stat(file)).size > largestBytes) throw new Failure(words.fileTooLarge(file))
    text = await readFile(file, 'utf8')
  } catch (error) {
    throw error instanceof Failure ? error : new Failure(words.fileUnreadable(file))
  }
  return text
}

/**
 * Writes a file that its owner alone may read, or standard output where none is named. The file appears under its name
 * once it is whole, so that what failed on the way is not taken for a result.
 *
 * @throws Failure when the file cannot be written; what `pieces` throws.
 */
export async function writeTarget(file: string | undefined, pieces: AsyncIterable<string>): Promise<void> {
  if (file === undefined) return pipeline(Readable.from(pieces, { objectMode: false }), process.stdout, { end: false })
  const part = `${file}.part`
  const stream = createWriteStream(part, { mode: 0o600 })
  try {
    await once(stream, 'open')
  } catch {
    throw new Failure(words.fileUnwritable(file))
  }
  try {
    await pipeline(Readable.from(pieces, { objectMode: false }), stream)
    await rename(part, file)
  } catch (error) {
    await rm(part, { force: true })
    throw error
  }
}
