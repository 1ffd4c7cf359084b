import { describe, expect, it } from 'vitest'
import { createCarrier } from '../../server/src/core/mail/carrier.ts'
import { commandLine } from './testing/installation.ts'

const { run, dataDir } = commandLine()

describe('rempart mailbox', () => {
  it('says that there is nothing, lists what there is, and shows one mail with its link whole', async () => {
    expect(await run(['mailbox'])).toMatchObject({ stdout: '', code: 0 })
    const carrier = createCarrier({
      smtp: undefined,
      from: { name: '', address: 'no-reply@localhost' },
      host: 'localhost',
      dataDir,
    })
    const link = `http://localhost:3000/account/reset#token=${'a'.repeat(50)}`
    for (const [index, to] of ['ada@example.org', 'grace@example.org'].entries()) {
      const mail = { to, subject: 'Choisissez…', text: `Bonjour,\n\n${link}\n`, html: '<p>Bonjour</p>', template: 'x' }
      const sent = { ...mail, id: `0-${index}`, createdAt: new Date(1_760_000_000_000 + index * 60_000) }
      expect(await carrier.carry(sent, AbortSignal.timeout(5_000))).toEqual({ outcome: 'carried' })
    }
    const listed = await run(['mailbox', 'list'])
    expect(listed.stdout.split('\n')).toMatchObject([
      expect.stringMatching(/^NO +AT +TO +SUBJECT/),
      expect.stringMatching(/^1 +2025-10-09 08:54\S* +grace@example\.org +Choisissez…/),
      expect.stringMatching(/^2 .*ada@example\.org/),
      '',
    ])
    const shown = await run(['mailbox', 'show', '2'])
    expect(shown.stdout).toContain('ada@example.org')
    expect(shown.stdout).toContain(link)
    expect(JSON.parse((await run(['mailbox', 'show', '1', '--json'])).stdout)).toMatchObject({
      number: 1,
      to: 'grace@example.org',
      text: `Bonjour,\n\n${link}\n`,
    })
    expect(await run(['mailbox', 'show', '3'])).toMatchObject({
      stderr: 'There is no mail 3 in the mailbox.\n',
      code: 1,
    })
    expect((await run(['mailbox', 'show', '3'], { env: { LANG: 'fr_FR.UTF-8' } })).stderr).toContain(
      'Il n’y a pas d’e-mail 3',
    )
  }, 30_000)
})
