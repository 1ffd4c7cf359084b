import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import type { PolicyInput } from '@rempart/guard'
import { type NodeHandler, nodeGuard } from '@rempart/guard/node'

const general: PolicyInput = {
  id: 'general',
  rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 5, window: '60s' }],
}
const report: PolicyInput = {
  id: 'report',
  rules: [{ id: 'at-once', kind: 'concurrency', by: 'ip', slots: 1, lease: '1m' }],
}

const protect = nodeGuard({ policies: [general], fallback: 'general' })
const hello = protect((_request, response) => void response.end('hello\n'))
const slowly: NodeHandler = async (_request, response) => {
  await setTimeout(1_000)
  response.end('a report that took a second\n')
}
const makeReport = protect(slowly, report)

const server = createServer((request, response) => {
  if (request.url === '/report') makeReport(request, response)
  else hello(request, response)
})
server.listen(Number(process.argv[2] ?? 3000), '127.0.0.1', () => {
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`)
})
