import { reportWords } from '@rempart/guard'
import { bar, createProgressLine, type ProgressBar } from '../progress.ts'
import { language } from '../words.ts'
import type { LogInput } from './replay-input.ts'
import { replayWords } from './replay-words.ts'

/** Creates a progress bar on standard error; none where that is no terminal. */
export function createProgressBar(inputs: readonly LogInput[], lines: () => number): ProgressBar {
  const total = inputs.every(({ size }) => size !== undefined)
    ? inputs.reduce((sum, { size = 0 }) => sum + size, 0)
    : undefined
  return createProgressLine((seconds) => {
    const read = inputs.reduce((sum, { progress }) => sum + progress.read, 0)
    return progressText(lines(), read, total, seconds)
  })
}

/** One line: the bar, the lines, how many a second, and how long it will last. */
export function progressText(lines: number, read: number, total: number | undefined, seconds: number): string {
  const { number, share } = reportWords(language)
  const said = replayWords.progress(number(lines), number(Math.round(lines / Math.max(seconds, 0.001))))
  if (total === undefined || total === 0) return said
  const part = Math.min(1, read / total)
  const left = part < 0.01 ? '' : replayWords.left(duration((seconds * (1 - part)) / part))
  return `${bar(part)} ${share(Math.floor(part * 100) / 100)}  ${said}${left}`
}

function duration(seconds: number): string {
  const whole = Math.ceil(seconds)
  const two = (value: number): string => String(value).padStart(2, '0')
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)}:${two(whole % 60)}`
}
