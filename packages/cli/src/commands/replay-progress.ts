import { reportWords } from '@rempart/guard'
import { language } from '../words.ts'
import type { LogInput } from './replay-input.ts'
import { replayWords } from './replay-words.ts'

/** Shows how far a run is, where there is a terminal to show it on. */
export interface ProgressBar {
  show(): void
  /** Wipes it away: it was for waiting, not for reading. */
  end(): void
}

const EVERY_MS = 100
const BAR_WIDTH = 24

/** Creates a progress bar on standard error; none where that is no terminal. */
export function createProgressBar(inputs: readonly LogInput[], lines: () => number): ProgressBar {
  if (!process.stderr.isTTY) return { show: () => undefined, end: () => undefined }
  const startMs = performance.now()
  const total = inputs.every(({ size }) => size !== undefined)
    ? inputs.reduce((sum, { size = 0 }) => sum + size, 0)
    : undefined
  let shownMs = -Infinity
  return {
    show() {
      const nowMs = performance.now()
      if (nowMs - shownMs < EVERY_MS) return
      shownMs = nowMs
      const read = inputs.reduce((sum, { progress }) => sum + progress.read, 0)
      process.stderr.write(`\r${progressText(lines(), read, total, (nowMs - startMs) / 1_000)}\u001B[K`)
    },
    end() {
      if (shownMs > 0) process.stderr.write('\r\u001B[K')
    },
  }
}

/** One line: the bar, the lines, how many a second, and how long it will last. */
export function progressText(lines: number, read: number, total: number | undefined, seconds: number): string {
  const { number, share } = reportWords(language)
  const said = replayWords.progress(number(lines), number(Math.round(lines / Math.max(seconds, 0.001))))
  if (total === undefined || total === 0) return said
  const part = Math.min(1, read / total)
  const full = Math.round(part * BAR_WIDTH)
  const left = part < 0.01 ? '' : replayWords.left(duration((seconds * (1 - part)) / part))
  return `[${'#'.repeat(full)}${'-'.repeat(BAR_WIDTH - full)}] ${share(Math.floor(part * 100) / 100)}  ${said}${left}`
}

function duration(seconds: number): string {
  const whole = Math.ceil(seconds)
  const two = (value: number): string => String(value).padStart(2, '0')
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)}:${two(whole % 60)}`
}
