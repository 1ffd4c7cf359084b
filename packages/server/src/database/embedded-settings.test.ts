import { describe, expect, it } from 'vitest'
import { embeddedSettings, settingsSignature } from './embedded-settings.ts'

const GIB = 1024 ** 3

describe('embeddedSettings', () => {
  it('opens no TCP port and keeps every commit through a power cut', () => {
    expect(embeddedSettings(['/tmp/s'], '1')).toMatchObject({
      listen_addresses: '',
      unix_socket_permissions: '0700',
      fsync: 'on',
      full_page_writes: 'on',
      synchronous_commit: 'on',
    })
  })

  it.each([
    [0.25, '32MB'],
    [2, '256MB'],
    [8, '1024MB'],
    [512, '1024MB'],
  ])('takes, of %d GiB, %s for itself', (gibibytes, expected) => {
    expect(embeddedSettings(['/tmp/s'], '1', gibibytes * GIB)['shared_buffers']).toBe(expected)
  })

  it('signs what it is, so that a PostgreSQL of other settings or of another release is not adopted', () => {
    const signatures = [
      embeddedSettings(['/tmp/s'], '1', GIB),
      embeddedSettings(['/tmp/s'], '2', GIB),
      embeddedSettings(['/tmp/t'], '1', GIB),
      embeddedSettings(['/tmp/s'], '1', 4 * GIB),
    ].map(settingsSignature)
    expect(new Set(signatures).size).toBe(4)
    expect(settingsSignature(embeddedSettings(['/tmp/s'], '1', GIB))).toBe(signatures[0])
    // PostgreSQL cuts cluster_name at 63 bytes.
    expect(signatures[0]?.length).toBeLessThan(64)
  })
})
