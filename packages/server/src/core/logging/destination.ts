import { writeSync } from 'node:fs'
import { type DestinationStream, destination } from 'pino'

/** Bytes that are gathered before they are written: some two hundred lines. */
const batchBytes = 65_536
/** How long a line waits for company. */
const waitMs = 100

/**
 * Standard output for a busy log: lines are gathered in one buffer and written together, without blocking. At thousands
 * of requests a second a write per line costs more than all the rest of the line. What is gathered is written when the
 * process exits; only a kill loses the last tenth of a second.
 */
export function logDestination(fd = 1): DestinationStream & { flushSync(): void } {
  // Buffers go through as they are; joined as strings they would be measured and copied again at each line.
  const file = destination({ dest: fd, sync: false, contentMode: 'buffer' })
  let batch = Buffer.allocUnsafe(batchBytes)
  let used = 0
  let timer: NodeJS.Timeout | undefined

  function take(): Buffer {
    const taken = batch.subarray(0, used)
    batch = Buffer.allocUnsafe(batchBytes)
    used = 0
    return taken
  }

  function pass(): void {
    clearTimeout(timer)
    timer = undefined
    // pino's type knows strings alone; in this mode its file takes buffers.
    if (used > 0) file.write(take() as unknown as string)
  }

  // At an exit: what the file still holds first, then what was gathered, past the file, which may be closed by now.
  function flushSync(): void {
    const last = take()
    try {
      file.flushSync()
    } catch {
      // Closed, or never opened.
    }
    writeWhole(fd, last)
  }

  process.once('exit', flushSync)
  return {
    write(line) {
      // No character takes more than three bytes a code unit.
      const most = line.length * 3
      if (most > batchBytes - used) pass()
      if (most > batchBytes) return void file.write(Buffer.from(line) as unknown as string)
      used += batch.write(line, used)
      timer ??= setTimeout(pass, waitMs).unref()
    },
    flushSync,
  }
}

/** Writes all of it, waiting for a reader that is slow; gives up on one that is gone. */
function writeWhole(fd: number, bytes: Buffer): void {
  let rest = bytes
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest))
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) return
      Atomics.wait(pause, 0, 0, 5)
    }
  }
}

const pause = new Int32Array(new SharedArrayBuffer(4))
