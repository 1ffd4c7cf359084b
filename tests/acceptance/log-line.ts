import type { Answer } from '../support/http-client.ts'
import { until } from '../support/processes.ts'
import type { LogLine, ServerProcess } from '../support/server-process.ts'

/** The log line of the request that was answered so. Lines come in order, each a moment after its answer. */
export async function lineOf(server: Pick<ServerProcess, 'logs'>, answer: Answer): Promise<LogLine> {
  let line: LogLine | undefined
  await until(() => {
    line = server.logs.findLast(({ requestId }) => requestId === answer.headers['x-request-id'])
    return line !== undefined
  })
  return line ?? { level: '', time: '', msg: '' }
}
