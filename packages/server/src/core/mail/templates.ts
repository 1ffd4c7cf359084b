import { accessChanged } from './templates/access-changed.ts'
import { accountExists } from './templates/account-exists.ts'
import { accountLocked } from './templates/account-locked.ts'
import { changeEmail } from './templates/change-email.ts'
import type { MailTemplate } from './templates/content.ts'
import { emailChangeAsked } from './templates/email-change-asked.ts'
import { emailChanged } from './templates/email-changed.ts'
import { factorLocked } from './templates/factor-locked.ts'
import { factorResetWaits } from './templates/factor-reset-waits.ts'
import { invitation } from './templates/invitation.ts'
import { mfaChanged } from './templates/mfa-changed.ts'
import { newDevice } from './templates/new-device.ts'
import { passwordChanged } from './templates/password-changed.ts'
import { recoveryCodesLow } from './templates/recovery-codes-low.ts'
import { resetFactor } from './templates/reset-factor.ts'
import { resetPassword } from './templates/reset-password.ts'
import { sessionReplayed } from './templates/session-replayed.ts'
import { sessionsEnded } from './templates/sessions-ended.ts'
import { verifyEmail } from './templates/verify-email.ts'
import { webhookDisabled } from './templates/webhook-disabled.ts'

/** Every mail there is, by the name that the outbox, the caps and the metrics know it by. */
export const mailTemplates = {
  'verify-email': verifyEmail,
  'account-exists': accountExists,
  'reset-password': resetPassword,
  'password-changed': passwordChanged,
  invitation,
  'new-device': newDevice,
  'account-locked': accountLocked,
  'mfa-changed': mfaChanged,
  'email-changed': emailChanged,
  'recovery-codes-low': recoveryCodesLow,
  'change-email': changeEmail,
  'email-change-asked': emailChangeAsked,
  'reset-factor': resetFactor,
  'factor-reset-waits': factorResetWaits,
  'factor-locked': factorLocked,
  'session-replayed': sessionReplayed,
  'webhook-disabled': webhookDisabled,
  'sessions-ended': sessionsEnded,
  'access-changed': accessChanged,
} as const

export type MailTemplateName = keyof typeof mailTemplates

/** What one kind of mail is written from. */
export type MailData<Name extends MailTemplateName> =
  (typeof mailTemplates)[Name] extends MailTemplate<infer Data> ? Data : never

/** A template by its name, for data that was sealed for it; undefined when this release has none of that name. */
export function findTemplate(name: string): MailTemplate<unknown> | undefined {
  // The names and the data of a template are paired by the type of `queueMail`, and sealed together.
  return Object.hasOwn(mailTemplates, name)
    ? (mailTemplates[name as MailTemplateName] as MailTemplate<unknown>)
    : undefined
}
