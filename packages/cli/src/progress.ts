/** Shows how far a run is, where there is a terminal to show it on. */
export interface ProgressBar {
  show(): void
  /** Wipes it away: it was for waiting, not for reading. */
  end(): void
}

const EVERY_MS = 100
const BAR_WIDTH = 24

/** One line on standard error, drawn anew ten times a second; none where that is no terminal. */
export function createProgressLine(text: (seconds: number) => string): ProgressBar {
  if (!process.stderr.isTTY) return { show: () => undefined, end: () => undefined }
  const startMs = performance.now()
  let shownMs = -Infinity
  return {
    show() {
      const nowMs = performance.now()
      if (nowMs - shownMs < EVERY_MS) return
      shownMs = nowMs
      process.stderr.write(`\r${text((nowMs - startMs) / 1_000)}\u001B[K`)
    },
    end() {
      if (shownMs > 0) process.stderr.write('\r\u001B[K')
    },
  }
}

/** `[######------]`. @param part - 0 to 1. */
export function bar(part: number): string {
  const full = Math.round(part * BAR_WIDTH)
  return `[${'#'.repeat(full)}${'-'.repeat(BAR_WIDTH - full)}]`
}
