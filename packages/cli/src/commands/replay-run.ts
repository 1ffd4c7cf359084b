import type { LogFormatName, Replay, ReplaySource } from '@rempart/guard'
import type { LogInput } from './replay-input.ts'

/** What a run came to. */
export interface RunEnd {
  /** Logs that ended before they should. */
  readonly cutOff: readonly string[]
  readonly isStopped: boolean
}

/** A log under way. */
interface Lane {
  readonly input: LogInput
  source: ReplaySource | undefined
  chunks: AsyncIterator<Buffer> | undefined
  chunk: Buffer
  at: number
  isOver: boolean
}

/**
 * Reads logs through a replay in the order of their times: one after the other where they follow each other, together
 * where they overlap. A log is opened when its time has come.
 *
 * @param onChunk - Called between chunks; its signal stops the run.
 */
export async function readLogs(
  inputs: readonly LogInput[],
  replay: Replay,
  format: LogFormatName | undefined,
  onChunk: () => { readonly stop: boolean },
): Promise<RunEnd> {
  const lanes = inputs.map(
    (input): Lane => ({ input, source: undefined, chunks: undefined, chunk: empty, at: 0, isOver: false }),
  )
  let isStopped = false
  for (let lane = nextLane(lanes); lane !== undefined && !isStopped; lane = nextLane(lanes)) {
    await advance(lane, lanes, replay, format)
    isStopped = onChunk().stop
  }
  for (const lane of lanes) await lane.chunks?.return?.()
  return { cutOff: inputs.filter((input) => input.isCutOff()).map(({ name }) => name), isStopped }
}

const empty = Buffer.alloc(0)

/** The log that is furthest behind. */
function nextLane(lanes: readonly Lane[]): Lane | undefined {
  let next: Lane | undefined
  for (const lane of lanes) {
    if (!lane.isOver && (next === undefined || secondOf(lane) < secondOf(next))) next = lane
  }
  return next
}

/** Where a log stands, or where it will begin. */
function secondOf({ source, input }: Lane): number {
  return source === undefined ? input.firstSecond : Math.max(source.second(), input.firstSecond)
}

/** Reads on in a log until its chunk is used up or another log is behind. */
async function advance(
  lane: Lane,
  lanes: readonly Lane[],
  replay: Replay,
  format: LogFormatName | undefined,
): Promise<void> {
  lane.source ??= replay.open(lane.input.name, format)
  lane.chunks ??= lane.input.chunks()[Symbol.asyncIterator]()
  if (lane.at >= lane.chunk.length) {
    const { value, done } = await lane.chunks.next()
    if (done === true) {
      lane.source.end()
      lane.isOver = true
      lane.chunk = empty
      return
    }
    lane.chunk = value
    lane.at = 0
  }
  const others = lanes.filter((each) => each !== lane && !each.isOver).map(secondOf)
  lane.at = lane.source.push(lane.chunk, lane.at, Math.min(Infinity, ...others))
}
