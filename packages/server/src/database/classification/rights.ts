import {
  exported,
  instant,
  ofAccount,
  plain,
  pseudonym,
  shown,
  type TableClasses,
  withheld,
  withTenant,
} from './terms.ts'

const gaveIt = pseudonym(
  'Who gave a right is answered for (art. 5(2) GDPR); the id names nobody once the account is gone.',
)

/** What people may do, who gave it to them, and the keys they made. */
export const rights: TableClasses<'role' | 'role_assignment' | 'invitation' | 'api_key' | 'api_key_usage'> = {
  role: {
    title: { en: 'Roles', fr: 'Rôles' },
    purpose: { en: 'To say what people may do.', fr: 'Dire ce que chacun peut faire.' },
    retention: withTenant,
    links: [],
    columns: {
      tenant_id: plain,
      id: plain,
      code: plain,
      name: plain,
      permissions: plain,
      is_system: plain,
      version: plain,
      created_at: plain,
      updated_at: plain,
    },
  },
  role_assignment: {
    title: { en: 'Roles held', fr: 'Rôles détenus' },
    purpose: {
      en: 'To say who may do what, until when, and why.',
      fr: 'Dire qui peut faire quoi, jusqu’à quand et pourquoi.',
    },
    retention: { en: 'Until taken away, or with the account.', fr: 'Jusqu’au retrait, ou avec le compte.' },
    links: [ofAccount('user_id')],
    columns: {
      tenant_id: plain,
      id: withheld('pseudonym'),
      user_id: withheld('pseudonym'),
      role_id: shown('Role id', 'Identifiant du rôle'),
      granted_by: gaveIt,
      reason: exported('content', 'Reason', 'Motif'),
      expires_at: exported('activity', 'Ends', 'Fin'),
      created_at: exported('activity', 'Given', 'Attribué le'),
    },
  },
  invitation: {
    title: { en: 'Invitations', fr: 'Invitations' },
    purpose: { en: 'To ask somebody to join.', fr: 'Inviter quelqu’un.' },
    retention: { en: '90 days after their end.', fr: '90 jours après leur fin.', job: 'invitations' },
    links: [
      { by: 'email', column: 'email_norm', erase: 'delete', anonymise: 'delete', export: true },
      // What its inviter may no longer give, it no longer gives. It names somebody else: it is not exported to the inviter.
      { by: 'account', column: 'invited_by', erase: 'delete', anonymise: 'delete', export: false },
    ],
    columns: {
      tenant_id: plain,
      id: withheld('pseudonym'),
      email: exported('identity', 'E-mail address', 'Adresse électronique'),
      email_norm: withheld('identity'),
      role_id: plain,
      locale: shown('Language', 'Langue'),
      invited_by: withheld('pseudonym'),
      token_hash: withheld('credential'),
      created_at: exported('activity', 'Sent', 'Envoyée le'),
      expires_at: exported('activity', 'Expires', 'Expire le'),
      accepted_at: exported('activity', 'Accepted', 'Acceptée le'),
      revoked_at: exported('activity', 'Withdrawn', 'Retirée le'),
    },
  },
  api_key: {
    title: { en: 'API keys', fr: 'Clés d’API' },
    purpose: {
      en: 'To let a program act, in the name of who made the key.',
      fr: 'Laisser un programme agir, au nom de qui a fait la clé.',
    },
    retention: {
      en: 'Until staff revoke it, or with the account of its maker.',
      fr: 'Jusqu’à révocation, ou avec le compte de son auteur.',
    },
    links: [ofAccount('created_by')],
    columns: {
      tenant_id: plain,
      id: withheld('pseudonym'),
      lookup_id: withheld('credential'),
      secret_hash: withheld('credential'),
      name: exported('content', 'Name', 'Nom'),
      scopes: shown('May', 'Droits'),
      created_at: instant.created,
      expires_at: shown('Expires', 'Expire le'),
      revoked_at: shown('Revoked', 'Révoquée le'),
      last_used_at: exported('activity', 'Last used', 'Dernier usage'),
      created_by: withheld('pseudonym'),
      networks: exported('device', 'From', 'Depuis'),
      rotated_from: plain,
      grace_until: plain,
    },
  },
  api_key_usage: {
    title: { en: 'Use of API keys', fr: 'Usage des clés d’API' },
    purpose: { en: 'To see whether a key is still needed.', fr: 'Voir si une clé sert encore.' },
    retention: { en: 'As long as the key.', fr: 'Aussi longtemps que la clé.' },
    links: [
      {
        ...{ by: 'parent', column: 'key_id', parent: 'api_key', parentColumn: 'id' },
        ...{ erase: 'delete', anonymise: 'delete', export: true },
      },
    ],
    columns: {
      tenant_id: plain,
      key_id: withheld('pseudonym'),
      day: exported('activity', 'Day', 'Jour'),
      endpoint: exported('activity', 'What', 'Quoi'),
      status_class: shown('Answers', 'Réponses'),
      count: exported('activity', 'Calls', 'Appels'),
    },
  },
}
