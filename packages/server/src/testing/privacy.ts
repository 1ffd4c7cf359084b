import { createKeyRing } from '../core/credentials/sealing.ts'
import { createMailKeys } from '../core/mail/sealed-mail.ts'
import { createReceiptSigner } from '../core/privacy/receipt.ts'
import { keyLabels, mastersOf } from '../core/secrets.ts'

const masters = mastersOf('Zk3vQm8xT1pLr6wYb9cN4hJd7sGf2aKe5uXo0iVtRqM=')

/** What erasing takes, with the secret of test servers and no mailbox. */
export const testPrivacy = {
  mailKeys: createMailKeys(masters),
  receiptSigner: createReceiptSigner(masters),
  auditRing: createKeyRing(masters, keyLabels.auditSubjects),
  dataDir: '/nonexistent',
}
