import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { LogLine } from './server-process.ts'

/** The real gateway, `rempart gateway`, in a process of its own on a free port. */
export interface GatewayProcess {
  readonly url: string
  readonly port: number
  readonly logs: readonly LogLine[]
  /** What it wrote for people. */
  stderr(): string
  signal(signal: NodeJS.Signals): void
  /** Its exit code, once it has ended. */
  ended(): Promise<number | null>
  /** Ends it at once. */
  remove(): Promise<void>
}

const main = join(import.meta.dirname, '../../packages/cli/src/main.ts')

/** Starts a gateway and waits until it listens. Rejects with what it said when it ends instead. */
export async function startGatewayProcess(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<GatewayProcess> {
  const child = spawn(
    process.execPath,
    ['--conditions=rempart-source', main, 'gateway', '--listen', '127.0.0.1:0', ...args],
    {
      env: { PATH: '/usr/bin:/bin', LANG: 'C.UTF-8', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  const logs: LogLine[] = []
  let said = ''
  child.stderr.on('data', (chunk) => {
    said += String(chunk)
  })
  const exited = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })
  const url = await new Promise<string>((resolve, reject) => {
    lines.on('line', (text) => {
      const line: LogLine = JSON.parse(text)
      logs.push(line)
      if (line.msg === 'listening') resolve(String(line['at']))
    })
    void exited.then(() => reject(new Error(said)))
  })
  return {
    url,
    port: Number(new URL(url).port),
    logs,
    stderr: () => said,
    signal: (signal) => void child.kill(signal),
    ended: async () => (await exited)[0],
    async remove() {
      child.kill('SIGKILL')
      await exited
    },
  }
}
