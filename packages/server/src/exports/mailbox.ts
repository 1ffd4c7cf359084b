export { readMailbox } from '../core/mail/mailbox.ts'
