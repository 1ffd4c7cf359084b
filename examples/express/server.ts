import type { AddressInfo } from 'node:net'
import type { PolicyInput } from '@rempart/guard'
import { expressGuard } from '@rempart/guard/express'
import express from 'express'

/** Every attempt counts before it is verified, so that attempts sent together climb like attempts sent in turn. */
const login: PolicyInput = {
  id: 'login',
  rules: [{ id: 'tries', kind: 'lockout', by: 'ip', attempts: 3, window: '15m', lock: '15m' }],
}

const protect = expressGuard({ policies: [login], securityHeaders: true })
const { guard, subjectsOf } = protect.protection
const app = express()
app.use(protect)
app.post('/login', protect.with('login'), express.urlencoded(), async (request, response) => {
  if (request.body?.password !== 'correct horse') {
    response.status(401).send('wrong password\n')
    return
  }
  await guard.reportSuccess('login', subjectsOf(request))
  response.send('welcome\n')
})
const server = app.listen(Number(process.argv[2] ?? 3000), '127.0.0.1', () => {
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`)
})
