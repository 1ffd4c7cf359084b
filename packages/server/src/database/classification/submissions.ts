import {
  exported,
  NOBODY,
  plain,
  sentFrom,
  shown,
  type TableClasses,
  untilStaffDeletes,
  withheld,
  withTenant,
} from './terms.ts'

const address = {
  personal: 'identity',
  export: { en: 'E-mail address', fr: 'Adresse électronique' },
  erase: 'anonymise',
  replacement: NOBODY,
} as const

/** What visitors send: they have no account, and are known by the address they gave. */
export const submissions: TableClasses<
  'contact_message' | 'lead' | 'lead_note' | 'submission_receipt' | 'gate_registration' | 'intake_day' | 'quota_usage'
> = {
  contact_message: {
    title: { en: 'Contact messages', fr: 'Messages de contact' },
    purpose: { en: 'To answer who wrote.', fr: 'Répondre à qui a écrit.' },
    retention: {
      en: 'A year, or what REMPART_CONTACT_RETENTION says.',
      fr: 'Un an, ou ce que dit REMPART_CONTACT_RETENTION.',
      job: 'contact-messages',
    },
    links: [sentFrom('email')],
    columns: {
      tenant_id: plain,
      id: withheld('pseudonym'),
      name: { personal: 'identity', export: { en: 'Name', fr: 'Nom' }, erase: 'anonymise', replacement: '–' },
      email: address,
      subject: { personal: 'content', export: { en: 'Subject', fr: 'Objet' }, erase: 'anonymise', replacement: null },
      message: { personal: 'content', export: { en: 'Message', fr: 'Message' }, erase: 'anonymise', replacement: '–' },
      consent: shown('Consent', 'Consentement'),
      locale: shown('Language', 'Langue'),
      status: shown('State', 'État'),
      created_at: exported('activity', 'Received', 'Reçu le'),
      updated_at: plain,
    },
  },
  lead: {
    title: { en: 'Forms sent', fr: 'Formulaires envoyés' },
    purpose: { en: 'To act on what a visitor sent with a form.', fr: 'Donner suite à ce qu’un visiteur a envoyé.' },
    retention: untilStaffDeletes,
    links: [sentFrom('email')],
    columns: {
      tenant_id: plain,
      id: withheld('pseudonym'),
      form_id: plain,
      form_version: plain,
      email: address,
      data: { personal: 'content', export: { en: 'Answers', fr: 'Réponses' }, erase: 'anonymise', replacement: '{}' },
      score: exported('content', 'Score', 'Score'),
      outcome: exported('content', 'Outcome', 'Résultat'),
      status: exported('content', 'State', 'État'),
      created_at: exported('activity', 'Received', 'Reçu le'),
      updated_at: plain,
    },
  },
  lead_note: {
    title: { en: 'Notes on forms sent', fr: 'Notes sur les formulaires' },
    purpose: {
      en: 'To remember what was agreed with a visitor.',
      fr: 'Retenir ce qui a été convenu avec un visiteur.',
    },
    retention: { en: 'As long as what they are about.', fr: 'Aussi longtemps que leur objet.' },
    links: [
      {
        ...{ by: 'parent', column: 'lead_id', parent: 'lead', parentColumn: 'id' },
        ...{ erase: 'delete', anonymise: 'delete', export: true },
      },
      // The note is about the visitor and stays; its author goes.
      { by: 'account', column: 'author_id', erase: 'anonymise', anonymise: 'anonymise', export: false },
    ],
    columns: {
      tenant_id: plain,
      id: withheld('pseudonym'),
      lead_id: plain,
      author: { personal: 'identity', export: false, erase: 'anonymise', replacement: 'user' },
      author_id: { personal: 'pseudonym', export: false, erase: 'anonymise', replacement: null },
      body: exported('content', 'Note', 'Note'),
      created_at: exported('activity', 'Written', 'Écrite le'),
    },
  },
  submission_receipt: {
    title: { en: 'Receipts of forms sent', fr: 'Reçus des formulaires' },
    purpose: { en: 'To store what is sent twice once.', fr: 'Ne stocker qu’une fois ce qui est envoyé deux fois.' },
    retention: { en: 'Seven days.', fr: 'Sept jours.', job: 'submission-receipts' },
    links: [
      {
        ...{ by: 'parent', column: 'lead_id', parent: 'lead', parentColumn: 'id' },
        ...{ erase: 'delete', anonymise: 'delete', export: false },
      },
    ],
    columns: {
      tenant_id: plain,
      nonce: plain,
      form_id: plain,
      key_hash: withheld('pseudonym'),
      request_hash: withheld('pseudonym'),
      lead_id: withheld('pseudonym'),
      score: withheld('content'),
      outcome: withheld('content'),
      created_at: withheld('activity'),
    },
  },
  gate_registration: {
    title: { en: 'Registrations', fr: 'Inscriptions' },
    purpose: { en: 'To keep a place for who registered.', fr: 'Garder une place à qui s’est inscrit.' },
    retention: untilStaffDeletes,
    // The place stays counted until staff take it away, which lets the next one in.
    links: [{ ...sentFrom('email'), erase: 'anonymise' }],
    columns: {
      tenant_id: plain,
      id: withheld('pseudonym'),
      gate_id: plain,
      email: address,
      name: { personal: 'identity', export: { en: 'Name', fr: 'Nom' }, erase: 'anonymise', replacement: null },
      data: { personal: 'content', export: { en: 'Details', fr: 'Détails' }, erase: 'anonymise', replacement: '{}' },
      status: shown('State', 'État'),
      place: shown('Order of arrival', 'Ordre d’arrivée'),
      created_at: exported('activity', 'Received', 'Reçue le'),
      registered_at: exported('activity', 'Got a place', 'Place obtenue le'),
    },
  },
  intake_day: {
    title: { en: 'Submissions by day', fr: 'Envois par jour' },
    purpose: { en: 'To count what came in.', fr: 'Compter ce qui est arrivé.' },
    retention: withTenant,
    links: [],
    columns: { tenant_id: plain, day: plain, source: plain, outcome: plain, count: plain },
  },
  quota_usage: {
    title: { en: 'Quotas', fr: 'Quotas' },
    purpose: { en: 'To count what a tenant may store.', fr: 'Compter ce qu’un locataire peut stocker.' },
    retention: withTenant,
    links: [],
    columns: { tenant_id: plain, quota: plain, period: plain, used: plain },
  },
}
