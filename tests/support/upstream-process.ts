import { createServer } from 'node:http'

/**
 * A server behind the gateway, in a process of its own so that it can be killed: `/half` begins an answer and never
 * ends it, `/slow` takes a moment, anything else is answered with the body that came. Prints its port.
 */
const server = createServer((request, response) => {
  if (request.url === '/half') response.writeHead(200, { 'content-length': '100' }).write('half of it')
  else if (request.url === '/slow') setTimeout(() => response.end('slow'), 700)
  else request.pipe(response)
})
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => {
  const address = server.address()
  process.stdout.write(`${typeof address === 'object' ? address?.port : ''}\n`)
})
