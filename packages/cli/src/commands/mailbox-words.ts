import { language } from '../words.ts'

const en = {
  mailbox: 'read mails that were written while no mail server is set (REMPART_SMTP_URL)',
  list: 'list the mails of the mailbox, newest first',
  show: 'show one mail as it reads',
  number: 'its number in the list; 1 is the newest',
  unknown: (number: number) => `There is no mail ${number} in the mailbox.`,
  smtp: 'REMPART_SMTP_URL is set: mails go to the mail server, and no new one comes here.',
  headings: { number: 'NO', at: 'AT', to: 'TO', subject: 'SUBJECT', file: 'FILE', text: 'TEXT' },
}

const fr: typeof en = {
  mailbox: 'lit les e-mails écrits tant qu’aucun serveur de messagerie n’est indiqué (REMPART_SMTP_URL)',
  list: 'liste les e-mails de la boîte, du plus récent au plus ancien',
  show: 'affiche un e-mail tel qu’il se lit',
  number: 'son numéro dans la liste ; 1 est le plus récent',
  unknown: (number) => `Il n’y a pas d’e-mail ${number} dans la boîte.`,
  smtp: 'REMPART_SMTP_URL est indiqué : les e-mails vont au serveur de messagerie, et plus aucun n’arrive ici.',
  headings: { number: 'NO', at: 'DATE', to: 'À', subject: 'OBJET', file: 'FICHIER', text: 'TEXTE' },
}

/** What `rempart mailbox` says, in the language of the terminal. */
export const mailboxWords = language === 'fr' ? fr : en
