import { randomBytes, timingSafeEqual } from 'node:crypto'
import { HOTP, Secret, TOTP } from 'otpauth'

/** What a person needs to set an authenticator app up. All of it is the secret: `no-store`, and no log. */
export interface TotpEnrolment {
  /** `otpauth://totp/…` */
  readonly uri: string
  /** The secret to type by hand: 32 base32 letters. */
  readonly secret: string
  /** The URI as a QR code: an SVG document with no script and no text. */
  readonly qrSvg: string
  /** The same as a `data:image/svg+xml` URL, for an `img`. */
  readonly qrDataUrl: string
}

/** RFC 4226 §4 R6 asks for 160 bits at best, the length of SHA-1. */
const secretBytes = 20
const periodMs = 30_000
const digits = 6
/** What every app understands; some ignore other algorithms and show codes that never match. */
const algorithm = 'SHA1'
/** As apps show it, `123 456`, or without the space. `\d` is ASCII only: other scripts' digits are no code. */
const codeShape = /^\d{3} ?\d{3}$/
const longestName = 64

/** A new secret of 160 random bits. */
export function createTotpSecret(): Buffer {
  return randomBytes(secretBytes)
}

/**
 * Everything an authenticator app needs.
 *
 * @param issuer - The name shown above the code, such as the tenant's.
 * @param account - The name shown beside it, such as the e-mail address.
 */
export async function totpEnrolment(secret: Buffer, issuer: string, account: string): Promise<TotpEnrolment> {
  const totp = new TOTP({
    issuer: shownName(issuer),
    label: shownName(account),
    issuerInLabel: true,
    algorithm,
    digits,
    period: periodMs / 1000,
    secret: librarySecret(secret),
  })
  const uri = totp.toString()
  // Read for the first enrolment, not at every start.
  const { toString: drawQrCode } = await import('qrcode')
  const qrSvg = await drawQrCode(uri, { type: 'svg', errorCorrectionLevel: 'M', margin: 4 })
  const qrDataUrl = `data:image/svg+xml;base64,${Buffer.from(qrSvg).toString('base64')}`
  return { uri, secret: totp.secret.base32, qrSvg, qrDataUrl }
}

/**
 * Which time step a code is of: the present one, the one before or the one after. The caller must store the step in the
 * transaction that lets the person in, where no step at or below the stored one passes: else a code works twice.
 *
 * @param nowMs - Unix time in milliseconds.
 * @returns undefined when it is no code of these steps. Every step is compared whatever the earlier ones gave.
 * @see RFC 6238 §5.2
 */
export function matchTotpStep(secret: Buffer, code: string, nowMs: number): number | undefined {
  if (!codeShape.test(code)) return undefined
  const typed = Buffer.from(code.replace(' ', ''))
  const present = Math.floor(nowMs / periodMs)
  let matched: number | undefined
  // Upwards, so that a code that is good for two steps uses the later one up, and with it both.
  for (const step of [present - 1, present, present + 1]) {
    if (step >= 0 && timingSafeEqual(Buffer.from(codeOf(secret, step)), typed)) matched = step
  }
  return matched
}

function codeOf(secret: Buffer, counter: number): string {
  return HOTP.generate({ secret: librarySecret(secret), algorithm, digits, counter })
}

function librarySecret(secret: Buffer): Secret {
  return new Secret({ buffer: new Uint8Array(secret).buffer })
}

/** A colon separates issuer and account in the label, and a QR code has room for so much. */
function shownName(name: string): string {
  const text = name
    .toWellFormed()
    .replaceAll(/[:\p{Cc}\s]+/gu, ' ')
    .trim()
  return [...text].slice(0, longestName).join('')
}
