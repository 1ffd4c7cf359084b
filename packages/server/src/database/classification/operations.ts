import { exported, ofAccount, plain, pseudonym, shown, type TableClasses, withheld, withTenant } from './terms.ts'

const accountable =
  'What was done is answered for (art. 5(2) and 17(3)(b), (e) GDPR); without its key and account it names nobody.'
const secured =
  'A keyed hash, kept to protect the service against abuse (art. 6(1)(f), recital 49 GDPR), which nobody can turn into a person.'

/** What the installation keeps to answer for itself: audit, security events, mails on their way, requests of people. */
export const operations: TableClasses<
  | 'audit_event'
  | 'audit_head'
  | 'audit_subject_key'
  | 'security_event'
  | 'mail_outbox'
  | 'mail_recipient'
  | 'privacy_request'
  | 'signing_key'
  | 'webhook'
  | 'webhook_attempt'
  | 'webhook_delivery'
  | 'schema_migration'
> = {
  audit_event: {
    title: { en: 'Audit log', fr: 'Journal d’audit' },
    purpose: { en: 'To prove who did what.', fr: 'Prouver qui a fait quoi.' },
    retention: {
      en: 'The entries for good; addresses in them are readable for a year.',
      fr: 'Les entrées durablement ; les adresses y sont lisibles un an.',
      job: 'audit-addresses',
    },
    links: [
      { by: 'account', column: 'subject_id', erase: 'shred', anonymise: 'shred', export: true },
      { by: 'account', column: 'actor_id', erase: 'shred', anonymise: 'shred', export: true },
    ],
    columns: {
      tenant_id: plain,
      seq: plain,
      at: { personal: 'activity', export: { en: 'When', fr: 'Quand' }, erase: 'keep', legal: accountable },
      actor_kind: plain,
      actor_id: pseudonym(accountable),
      action: { personal: 'activity', export: { en: 'What', fr: 'Quoi' }, erase: 'keep', legal: accountable },
      resource_type: shown('Of', 'Sur'),
      resource_id: pseudonym(accountable),
      outcome: shown('Outcome', 'Résultat'),
      request_id: pseudonym(accountable),
      // Nothing personal goes in: a test reads every entry.
      changes: plain,
      subject_id: pseudonym(accountable),
      personal_sealed: {
        personal: 'identity',
        export: { en: 'Values', fr: 'Valeurs' },
        sealed: 'audit-personal',
        erase: 'shred',
      },
      client_sealed: {
        personal: 'device',
        export: { en: 'Address and User-Agent', fr: 'Adresse et navigateur' },
        sealed: 'audit-client',
        erase: 'shred',
      },
      hash: pseudonym(accountable),
    },
  },
  audit_head: {
    title: { en: 'Signed heads of the audit log', fr: 'Têtes signées du journal' },
    purpose: { en: 'To prove that the audit log is whole.', fr: 'Prouver que le journal est entier.' },
    retention: withTenant,
    links: [],
    columns: { tenant_id: plain, seq: plain, hash: plain, signed_at: plain, kid: plain, signature: plain },
  },
  audit_subject_key: {
    title: { en: 'Keys of the audit log', fr: 'Clés du journal' },
    purpose: {
      en: 'To be able to erase within a log that cannot be edited.',
      fr: 'Pouvoir effacer dans un journal inaltérable.',
    },
    retention: {
      en: 'Of a person: until erased. Of addresses: a year.',
      fr: 'D’une personne : jusqu’à effacement. Des adresses : un an.',
      job: 'audit-addresses',
    },
    links: [{ ...ofAccount('subject'), prefix: 'person:', erase: 'shred', anonymise: 'shred', export: false }],
    columns: {
      tenant_id: plain,
      subject: withheld('pseudonym'),
      sealed_key: { personal: 'credential', export: false, erase: 'shred' },
      created_at: withheld('activity'),
    },
  },
  security_event: {
    title: { en: 'Security events', fr: 'Événements de sécurité' },
    purpose: {
      en: 'To explain what was refused, and to notice an attack.',
      fr: 'Expliquer les refus et remarquer une attaque.',
    },
    retention: {
      en: '30 days, or what REMPART_EVENT_RETENTION says.',
      fr: '30 jours, ou ce que dit REMPART_EVENT_RETENTION.',
      job: 'security-events',
    },
    links: [],
    columns: {
      tenant_id: plain,
      id: plain,
      created_at: plain,
      last_at: plain,
      count: plain,
      type: plain,
      policy_id: plain,
      policy_version: plain,
      rule_id: plain,
      reason: plain,
      cost: plain,
      clock_ms: plain,
      retry_after_ms: plain,
      degraded: plain,
      counters: plain,
      signals: plain,
      subjects: pseudonym(secured),
      fp_prefix: pseudonym(secured),
      route: plain,
      request_id: pseudonym(secured),
    },
  },
  mail_outbox: {
    title: { en: 'Mails on their way', fr: 'Courriels en route' },
    purpose: { en: 'To deliver a mail.', fr: 'Remettre un courriel.' },
    retention: {
      en: 'Until delivered; a day after it is of no use.',
      fr: 'Jusqu’à remise ; un jour après avoir perdu son utilité.',
      job: 'stale-mail',
    },
    links: [
      { ...ofAccount('user_id'), export: false },
      // To an address without an account, such as an invitation.
      {
        ...{ by: 'recipient', column: 'recipient_hash', unless: 'user_id' },
        ...{ erase: 'delete', anonymise: 'delete', export: false },
      },
    ],
    columns: {
      tenant_id: plain,
      id: withheld('pseudonym'),
      template: withheld('activity'),
      locale: plain,
      user_id: withheld('pseudonym'),
      recipient_hash: withheld('pseudonym'),
      sealed: withheld('identity'),
      is_dropped: plain,
      awaits_holder: plain,
      attempts: plain,
      next_attempt_at: plain,
      expires_at: plain,
      created_at: withheld('activity'),
    },
  },
  mail_recipient: {
    title: { en: 'Mails counted', fr: 'Courriels comptés' },
    purpose: {
      en: 'To send nobody more mails than they should get.',
      fr: 'Ne pas envoyer trop de courriels à quelqu’un.',
    },
    retention: { en: 'A day.', fr: 'Un jour.', job: 'stale-mail' },
    links: [
      {
        ...{ by: 'recipient', column: 'recipient_hash' },
        ...{ erase: 'delete', anonymise: 'delete', export: false },
      },
    ],
    columns: {
      tenant_id: plain,
      recipient_hash: withheld('pseudonym'),
      template: withheld('activity'),
      sent_at: withheld('activity'),
      updated_at: withheld('activity'),
    },
  },
  webhook: {
    title: { en: 'Webhooks', fr: 'Webhooks' },
    purpose: { en: 'To tell other services what happens.', fr: 'Signaler ce qui se passe à d’autres services.' },
    retention: { en: 'Until staff delete them.', fr: 'Jusqu’à suppression par le personnel.' },
    links: [],
    columns: {
      tenant_id: plain,
      id: plain,
      url: plain,
      description: plain,
      events: plain,
      include_data: plain,
      is_enabled: plain,
      disabled_reason: plain,
      sealed_secret: plain,
      previous_sealed_secret: plain,
      previous_until: plain,
      failing_since: plain,
      created_at: plain,
      updated_at: plain,
    },
  },
  webhook_delivery: {
    title: { en: 'What webhooks were told', fr: 'Ce qui a été signalé aux webhooks' },
    purpose: { en: 'To tell it until it is taken, and again.', fr: 'Le signaler jusqu’à réception, et à nouveau.' },
    retention: { en: '30 days.', fr: '30 jours.', job: 'webhook-deliveries' },
    links: [],
    columns: {
      tenant_id: plain,
      id: plain,
      webhook_id: plain,
      type: plain,
      // What is personal is read when it is sent, and from where it is erased.
      data: pseudonym('Ids alone, for 30 days, so that a receiver is told of what happened (art. 6(1)(f) GDPR).'),
      state: plain,
      attempts: plain,
      tries: plain,
      next_attempt_at: plain,
      settled_at: plain,
      created_at: plain,
    },
  },
  webhook_attempt: {
    title: { en: 'How webhooks answered', fr: 'Réponses des webhooks' },
    purpose: { en: 'To see why something was not taken.', fr: 'Voir pourquoi un envoi n’a pas été reçu.' },
    retention: { en: 'As long as the delivery.', fr: 'Aussi longtemps que l’envoi.' },
    links: [],
    columns: {
      tenant_id: plain,
      delivery_id: plain,
      number: plain,
      at: plain,
      duration_ms: plain,
      status: plain,
      error: plain,
    },
  },
  privacy_request: {
    title: { en: 'Requests about personal data', fr: 'Demandes sur les données personnelles' },
    purpose: {
      en: 'To answer requests in time, and to prove it.',
      fr: 'Répondre aux demandes dans le délai et le prouver.',
    },
    retention: {
      en: 'Three years after the answer, without the person.',
      fr: 'Trois ans après la réponse, sans la personne.',
      job: 'privacy-requests',
    },
    links: [
      { by: 'account', column: 'user_id', erase: 'anonymise', anonymise: 'anonymise', export: true },
      { by: 'email', column: 'email', erase: 'anonymise', anonymise: 'anonymise', export: true },
    ],
    columns: {
      tenant_id: plain,
      id: shown('Request', 'Demande'),
      kind: shown('Kind', 'Nature'),
      state: shown('State', 'État'),
      user_id: pseudonym('That a request was answered is answered for (art. 5(2) GDPR).'),
      email: {
        personal: 'identity',
        export: { en: 'E-mail address', fr: 'Adresse électronique' },
        erase: 'anonymise',
        replacement: null,
      },
      note: { personal: 'content', export: { en: 'Text', fr: 'Texte' }, erase: 'anonymise', replacement: null },
      answer: { personal: 'content', export: { en: 'Answer', fr: 'Réponse' }, erase: 'anonymise', replacement: null },
      handled_by: pseudonym('Who answered a request is answered for (art. 5(2) GDPR).'),
      // Counts by table, and no person.
      receipt: plain,
      created_at: exported('activity', 'Received', 'Reçue le'),
      due_at: shown('Due', 'Échéance'),
      handled_at: shown('Answered', 'Répondue le'),
    },
  },
  signing_key: {
    title: { en: 'Keys of access tokens', fr: 'Clés des jetons d’accès' },
    purpose: { en: 'To sign tokens.', fr: 'Signer les jetons.' },
    retention: { en: 'Until nothing that they signed is valid.', fr: 'Jusqu’à ce que rien de signé ne soit valide.' },
    links: [],
    columns: {
      kid: plain,
      purpose: plain,
      algorithm: plain,
      state: plain,
      public_jwk: plain,
      sealed_private: plain,
      created_at: plain,
      not_before: plain,
      activated_at: plain,
      rotate_after: plain,
      retired_at: plain,
      remove_after: plain,
    },
  },
  schema_migration: {
    title: { en: 'History of the schema', fr: 'Historique du schéma' },
    purpose: { en: 'To know which schema is there.', fr: 'Savoir quel schéma est en place.' },
    retention: { en: 'For good.', fr: 'Durablement.' },
    links: [],
    columns: { version: plain, name: plain, checksum: plain, applied_at: plain },
  },
}
