/**
 * One turn at a time. Whoever asks during a turn waits for the next one, which is the same for all who ask meanwhile:
 * the running one may have looked before there was anything.
 *
 * @param onFailed - Told why a turn failed. What asks never rejects for it.
 * @returns what asks for a turn; it resolves when that turn is over.
 */
export function createTurns(turn: () => Promise<void>, onFailed: (error: unknown) => void): () => Promise<void> {
  let running: Promise<void> | undefined
  let next: Promise<void> | undefined
  const start = (): Promise<void> => {
    running = turn()
      .catch(onFailed)
      .finally(() => {
        running = undefined
      })
    return running
  }
  return () => {
    if (running === undefined) return start()
    next ??= running.then(() => {
      next = undefined
      return start()
    })
    return next
  }
}
