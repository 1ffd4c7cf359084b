import { createServer } from 'node:net'

/**
 * The server behind all contenders of bench/gateway.ts. It answers whatever comes with one constant, and parses nothing:
 * what is measured is in front of it, and it must not be what binds.
 */
const body = '{"hello":"world","from":"upstream"}'
const fields = [
  'content-type: application/json; charset=utf-8',
  `content-length: ${body.length}`,
  'date: Sat, 21 Nov 2026 08:00:00 GMT',
  'server: upstream',
]
const answer = Buffer.from(`HTTP/1.1 200 OK\r\n${fields.join('\r\n')}\r\n\r\n${body}`)

createServer((socket) => {
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  // One request at a time is sent on a connection, and each comes in one piece.
  socket.on('data', () => void socket.write(answer))
}).listen(Number(process.env['BENCH_PORT']), '127.0.0.1')
process.once('SIGTERM', () => process.exit(0))
