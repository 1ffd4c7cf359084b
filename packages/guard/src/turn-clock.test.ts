import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { createTurnClock } from './turn-clock.ts'

const aTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Keeps the thread, as a turn with much to do does. */
function work(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until);
}

describe('a clock of turns', () => {
  it('is read once for what comes in one turn, and anew in the next', async () => {
    let readings = 0
    const clock = createTurnClock(() => (readings += 1))
    expect([clock(), clock(), clock()]).toEqual([1, 1, 1])
    await Promise.resolve()
    expect(clock()).toBe(1)
    await aTurn()
    expect([clock(), clock()]).toEqual([2, 2])
  })

  it('is read again after 64 answers, so that it goes on in a turn that does not end', () => {
    let readings = 0
    const clock = createTurnClock(() => (readings += 1))
    const answers = Array.from({ length: 129 }, () => clock())
    expect([answers[0], answers[63], answers[64], answers[127], answers[128]]).toEqual([1, 1, 2, 2, 3])
  })

  it('lets several clocks go on together, those too that one turn has not read', async () => {
    let tick = 0
    const clocks = Array.from({ length: 3 }, () => createTurnClock(() => tick))
    for (tick = 1; tick <= 20; tick += 1) {
      const asked = clocks.filter((_, index) => tick % (index + 1) === 0)
      for (const clock of asked) expect(clock()).toBe(tick)
      await aTurn()
    }
  })

  it('never stands still longer than a turn, whichever phase of the loop asks', async () => {
    const clock = createTurnClock(() => performance.now())
    const server = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const socket: Socket = connect(address.port, '127.0.0.1')
    await once(socket, 'connect')

    // The loop has gone round between two turn starts: no reading is from before the older one.
    let starts = [performance.now(), performance.now()] as const
    const faults: string[] = []
    let asked = 0
    const ask = (phase: string): void => {
      const reading = clock()
      if (reading < starts[0] || reading > performance.now()) faults.push(`${phase}: ${reading - starts[0]} ms`)
      asked += 1
    }
    socket.on('data', () => ask('poll'))
    for (let turn = 0; turn < 100; turn += 1) {
      await aTurn()
      starts = [starts[1], performance.now()]
      work(0.5)
      ask('check')
      setTimeout(ask, 0, 'timers')
      process.nextTick(ask, 'tick')
      socket.write('x')
    }
    socket.end()
    await once(socket, 'close')
    server.close()
    await once(server, 'close')
    expect(faults).toEqual([])
    expect(asked).toBeGreaterThan(220)
  })

  it('never runs back, and is whole milliseconds unless told otherwise', async () => {
    const clock = createTurnClock()
    let last = clock()
    for (let turn = 0; turn < 200; turn += 1) {
      const now = clock()
      expect(Number.isInteger(now)).toBe(true)
      expect(now).toBeGreaterThanOrEqual(last)
      last = now
      await aTurn()
    }
  })
})
