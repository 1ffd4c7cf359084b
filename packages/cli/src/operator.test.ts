import { describe, expect, it } from 'vitest'
import { installation } from './testing/installation.ts'

const { run, server } = installation()

describe('rempart operator', { timeout: 60_000 }, () => {
  const granted = ['--tenant', 'demo', '--permissions', 'leads:read', '--reason', 'Ticket 4711', '--minutes', '60']

  it('lets the first person of the platform into a tenant, by a grant that is in both audit logs, and ends it', async () => {
    await run(['tenant', 'create', 'platform', '--platform', '--name', 'Platform'])
    const input = 'a password of the platform'
    await run(
      ['user', 'create', '--email', 'op@example.org', '--tenant', 'platform', '--role', 'owner', '--password-stdin'],
      { input },
    )
    const signedIn = await fetch(`${server.url}/api/v1/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-tenant-id': 'platform' },
      body: JSON.stringify({ email: 'op@example.org', password: input }),
    })
    const { access_token: token, ...told } = (await signedIn.json()) as { access_token: string }
    expect(signedIn.status, JSON.stringify(told)).toBe(200)
    const leads = async () =>
      (
        await fetch(`${server.url}/api/v1/leads`, {
          headers: { authorization: `Bearer ${token}`, 'x-tenant-id': 'demo' },
        })
      ).status
    expect(await leads()).toBe(403)

    const made = await run(['operator', 'grant', 'op@example.org', ...granted])
    expect(made).toMatchObject({ code: 0, stderr: expect.stringContaining('may work in the tenant "demo"') })
    expect(await leads()).toBe(200)
    const listed = JSON.parse((await run(['operator', 'list', '--tenant', 'demo', '--json'])).stdout)
    expect(listed.items).toMatchObject([
      {
        id: made.stdout.trim(),
        permissions: ['leads:read'],
        reason: 'Ticket 4711',
        grantedBy: 'operator:cli',
        isInForce: true,
      },
    ])

    const revoked = await run(['operator', 'revoke', made.stdout.trim(), '--tenant', 'demo'])
    expect(revoked.code).toBe(0)
    expect(await leads()).toBe(403)
    expect((await run(['operator', 'list', '--tenant', 'demo'])).stdout).toMatch(/^revoked .*Ticket 4711/m)
    for (const tenant of ['demo', 'platform']) {
      const { stdout } = await run(['audit', 'list', '--tenant', tenant, '--json'])
      for (const action of ['operator.granted', 'operator.revoked']) expect(stdout).toContain(`"${action}"`)
    }
  })

  it.each([
    ['nobody of the platform', ['operator', 'grant', 'nobody@example.org', ...granted], 1, /has no account/],
    [
      'a tenant that keeps no others',
      ['operator', 'grant', 'a@example.org', ...granted, '--platform', 'demo'],
      1,
      /keeps no others/,
    ],
    [
      'more than eight hours',
      ['operator', 'grant', 'op@example.org', ...granted, '--minutes', '481'],
      2,
      /from 1 to 480/,
    ],
    [
      'everything at once',
      ['operator', 'grant', 'op@example.org', ...granted, '--permissions', '*'],
      2,
      /Expected some of/,
    ],
    ['no reason', ['operator', 'grant', 'op@example.org', ...granted, '--reason', ' '], 2, /--reason/],
  ])('refuses %s', async (_what, args, code, told) => {
    const refused = await run(args)
    expect(refused).toMatchObject({ code, stderr: expect.stringMatching(told) })
  })
})
