import fc from 'fast-check'
import { HOTP, Secret } from 'otpauth'
import { describe, expect, it } from 'vitest'
import { createTotpSecret, matchTotpStep, totpEnrolment } from './totp.ts'

/** The secret of the vectors of RFC 4226 and, for SHA-1, of RFC 6238. */
const vectorSecret = Buffer.from('12345678901234567890')
const nowMs = 1_700_000_000_000
const step = Math.floor(nowMs / 30_000)
const codeAt = (secret: Buffer, counter: number) =>
  HOTP.generate({ secret: new Secret({ buffer: new Uint8Array(secret).buffer }), counter })

describe('matchTotpStep', () => {
  // RFC 4226, appendix D: HOTP values for counters 0 to 9.
  it.each(
    ['755224', '287082', '359152', '969429', '338314', '254676', '287922', '162583', '399871', '520489'].map(
      (code, counter) => ({ code, counter }),
    ),
  )('RFC 4226: $code is the code of counter $counter', ({ code, counter }) => {
    expect(matchTotpStep(vectorSecret, code, counter * 30_000)).toBe(counter)
  })

  // RFC 6238, appendix B, SHA-1: eight digits there, of which the last six are the code of six.
  it.each([
    [59, '94287082', 1],
    [1_111_111_109, '07081804', 37_037_036],
    [1_111_111_111, '14050471', 37_037_037],
    [1_234_567_890, '89005924', 41_152_263],
    [2_000_000_000, '69279037', 66_666_666],
    [20_000_000_000, '65353130', 666_666_666],
  ])('RFC 6238: at %i s the code ends %s', (seconds, eightDigits, expected) => {
    expect(matchTotpStep(vectorSecret, eightDigits.slice(2), seconds * 1000)).toBe(expected)
  })

  it('says which step a code is of: the present one, one earlier, one later, and no further', () => {
    const matched = [-3, -2, -1, 0, 1, 2, 3].map((away) =>
      matchTotpStep(vectorSecret, codeAt(vectorSecret, step + away), nowMs),
    )
    expect(matched).toEqual([undefined, undefined, step - 1, step, step + 1, undefined, undefined])
  })

  it('knows the codes of any secret and any time', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 4e12 }),
        fc.uint8Array({ minLength: 20, maxLength: 20 }),
        (timeMs, bytes) => {
          const secret = Buffer.from(bytes)
          const present = Math.floor(timeMs / 30_000)
          const matched = matchTotpStep(secret, codeAt(secret, present), timeMs)
          expect(matched === present || matched === present + 1).toBe(true)
        },
      ),
    )
  })

  it('takes the space that apps show in the middle', () => {
    const code = codeAt(vectorSecret, step)
    expect(matchTotpStep(vectorSecret, `${code.slice(0, 3)} ${code.slice(3)}`, nowMs)).toBe(step)
  })

  const code = codeAt(vectorSecret, step)
  it.each([
    ['Arabic-Indic digits', code.replaceAll(/\d/g, (digit) => String.fromCodePoint(0x660 + Number(digit)))],
    ['full-width digits', code.replaceAll(/\d/g, (digit) => String.fromCodePoint(0xff10 + Number(digit)))],
    ['mathematical digits', code.replaceAll(/\d/g, (digit) => String.fromCodePoint(0x1d7ce + Number(digit)))],
    ['a space before it', ` ${code}`],
    ['a line break after it', `${code}\n`],
    ['a no-break space in it', `${code.slice(0, 3)}\u00a0${code.slice(3)}`],
    ['two spaces', `${code.slice(0, 3)}  ${code.slice(3)}`],
    ['a space elsewhere', `${code.slice(0, 2)} ${code.slice(2)}`],
    ['a sign', `+${code.slice(1)}`],
    ['a digit less', code.slice(1)],
    ['a digit more', `${code}0`],
    ['several codes', `${code},${code}`],
    ['nothing', ''],
    ['an exponent', '1e5000'],
  ])('refuses %s', (_, typed) => {
    expect(matchTotpStep(vectorSecret, typed, nowMs)).toBeUndefined()
  })

  it('answers in the first half minute of 1970 without a negative step', () => {
    expect(matchTotpStep(vectorSecret, '755224', 0)).toBe(0)
    expect(matchTotpStep(vectorSecret, codeAt(vectorSecret, -1), 0)).toBeUndefined()
  })
})

describe('totpEnrolment', () => {
  it('gives an app the URI it expects, and 160 bits', async () => {
    const secret = createTotpSecret()
    const enrolment = await totpEnrolment(secret, 'Demo & Co: Paris', 'ada+x@example.org')
    const uri = new URL(enrolment.uri)
    expect(uri.protocol + uri.host).toBe('otpauth:totp')
    expect(decodeURIComponent(uri.pathname)).toBe('/Demo & Co Paris:ada+x@example.org')
    expect(Object.fromEntries(uri.searchParams)).toEqual({
      issuer: 'Demo & Co Paris',
      secret: enrolment.secret,
      algorithm: 'SHA1',
      digits: '6',
      period: '30',
    })
    expect(Buffer.from(Secret.fromBase32(enrolment.secret).bytes)).toEqual(secret)
    expect(secret).toHaveLength(20)
  })

  it('lets no name add a parameter, a script or an over-long code', async () => {
    const hostile = 'x&secret=AAAA#?<script>alert(1)</script>"'
    const { uri, qrSvg, secret } = await totpEnrolment(createTotpSecret(), hostile, hostile)
    expect(new URL(uri).searchParams.getAll('secret')).toEqual([secret])
    expect(qrSvg).not.toMatch(/script|alert/)
    await expect(
      totpEnrolment(createTotpSecret(), '\u{1f3f0}'.repeat(5000), '\ud800'.repeat(5000)),
    ).resolves.toBeDefined()
  })

  it('draws the code as SVG, and the same as a data URL', async () => {
    const { qrSvg, qrDataUrl } = await totpEnrolment(createTotpSecret(), 'Demo', 'ada@example.org')
    expect(qrSvg).toMatch(/^<svg [^>]*viewBox="0 0 \d+ \d+"/)
    expect(qrDataUrl.startsWith('data:image/svg+xml;base64,')).toBe(true)
    expect(Buffer.from(qrDataUrl.split(',')[1] ?? '', 'base64').toString()).toBe(qrSvg)
  })
})
