import { createLineReader } from './line-reader.ts'
import { detectFormat, type Escapes, type LogFormat } from './log-formats.ts'
import { type BadLine, createLogLine, type LogFormatName, type LogLine, type Parsed } from './log-line.ts'

/** One log on its way in. */
export interface ReplaySource {
  /**
   * Reads a chunk from a place on, up to the first line that is later than `untilSecond`.
   *
   * The first call decides the format where none was named, so it should bring some whole lines.
   *
   * @returns The place to go on from; the chunk's length when all of it has been read.
   */
  push(chunk: Buffer, from?: number, untilSecond?: number): number
  /** Reads the last line. */
  end(): void
  /** The time of the line read last, or of the one that is too late to be read; -Infinity before the first. */
  second(): number
}

/** Who hears of a log's lines. */
export interface SourceHooks {
  readonly takeRequest: (bytes: Buffer, view: DataView, line: LogLine, escapes: Escapes) => boolean
  readonly noteBad: (reason: BadLine, bytes: Buffer) => void
  readonly noteLine: () => void
  readonly noteBytes: (count: number) => void
  readonly noteNoRequest: () => void
}

/** Opens a log: its format, its lines, and what becomes of them. */
export function openSource(
  source: { format: LogFormatName | null },
  named: LogFormat | undefined,
  hooks: SourceHooks,
): ReplaySource {
  const line = createLogLine()
  let format = named
  let parse = named?.createParser()
  let second = -Infinity
  let until = Infinity

  const takeLine = (bytes: Buffer, view: DataView, start: number, end: number): boolean => {
    if (start === end) {
      hooks.noteLine()
      return true
    }
    const parsed = parse === undefined ? 'shape' : parse(bytes, start, end, line, view)
    if (parsed !== 'line') {
      hooks.noteLine()
      noteOther(hooks, parsed, bytes.subarray(start, end))
      return true
    }
    second = line.second
    if (second > until) return false
    hooks.noteLine()
    const isTaken = hooks.takeRequest(bytes, view, line, format?.escapes ?? 'backslash')
    if (!isTaken) hooks.noteBad('address', bytes.subarray(start, end))
    return true
  }
  const reader = createLineReader(takeLine, (bytes) => {
    hooks.noteLine()
    hooks.noteBad('too-long', bytes)
  })
  source.format = named?.name ?? null

  return {
    push(chunk, from = 0, untilSecond = Infinity) {
      if (parse === undefined) {
        format = detectFormat(chunk)
        parse = format?.createParser()
        source.format = format?.name ?? null
      }
      until = untilSecond
      const next = reader.push(chunk, from)
      hooks.noteBytes(next - from)
      return next
    },
    end() {
      until = Infinity
      reader.end()
    },
    second: () => second,
  }
}

function noteOther(hooks: SourceHooks, parsed: Exclude<Parsed, 'line'>, bytes: Buffer): void {
  if (parsed === 'no-request') hooks.noteNoRequest()
  else if (parsed !== 'aside') hooks.noteBad(parsed, bytes)
}
