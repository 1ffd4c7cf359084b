/** How a service is asked whether it answers. */
export interface ProbeOptions {
  /** Sends the smallest question there is; rejects when it cannot. */
  readonly ask: () => Promise<unknown>
  /** How long an answer may take, in milliseconds. */
  readonly withinMs: number
  /** How long what was found holds, in milliseconds: whoever asks often costs no more. */
  readonly holdsMs: number
  readonly nowMs?: () => number
}

/**
 * Whether a service answers, asked anew when what is known is old. One question is under way at a time: a service that is
 * frozen is not sent more while it owes an answer. Never rejects, and takes no longer than `withinMs`.
 */
export function createProbe({
  ask,
  withinMs,
  holdsMs,
  nowMs = () => performance.now(),
}: ProbeOptions): () => Promise<boolean> {
  let owed: Promise<boolean> | undefined
  let known: { readonly isAnswered: boolean; readonly atMs: number } | undefined
  let looking: Promise<boolean> | undefined

  const look = async (): Promise<boolean> => {
    owed ??= ask()
      .then(
        () => true,
        () => false,
      )
      .finally(() => {
        owed = undefined
      })
    const isAnswered = await withDeadline(owed, withinMs)
    known = { isAnswered, atMs: nowMs() }
    return isAnswered
  }
  return () => {
    if (known !== undefined && nowMs() - known.atMs < holdsMs) return Promise.resolve(known.isAnswered)
    looking ??= look().finally(() => {
      looking = undefined
    })
    return looking
  }
}

function withDeadline(answer: Promise<boolean>, withinMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), withinMs)
    void answer.then((isAnswered) => {
      clearTimeout(timer)
      resolve(isAnswered)
    })
  })
}
