import { writeSync } from 'node:fs'
import { type DestinationStream, destination } from 'pino'

/** Characters that are gathered before they are written: some two hundred lines. */
const batchLength = 65_536
/** How long a line waits for company. */
const waitMs = 100

/**
 * Standard output for a busy log: lines are gathered and written together, without blocking. At thousands of requests a
 * second a write per line costs more than all the rest of the line. What is gathered is written when the process exits;
 * only a kill loses the last tenth of a second.
 */
export function logDestination(fd = 1): DestinationStream & { flushSync(): void } {
  const file = destination({ dest: fd, sync: false })
  let gathered = ''
  let timer: NodeJS.Timeout | undefined

  function pass(): void {
    clearTimeout(timer)
    timer = undefined
    const text = gathered
    gathered = ''
    if (text !== '') file.write(text)
  }

  // At an exit: what the file still holds first, then what was gathered, past the file, which may be closed by now.
  function flushSync(): void {
    const text = gathered
    gathered = ''
    try {
      file.flushSync()
    } catch {
      // Closed, or never opened.
    }
    writeWhole(fd, text)
  }

  process.once('exit', flushSync)
  return {
    write(line) {
      gathered += line
      if (gathered.length >= batchLength) pass()
      else timer ??= setTimeout(pass, waitMs).unref()
    },
    flushSync,
  }
}

/** Writes all of a text, waiting for a reader that is slow; gives up on one that is gone. */
function writeWhole(fd: number, text: string): void {
  let rest = Buffer.from(text)
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
