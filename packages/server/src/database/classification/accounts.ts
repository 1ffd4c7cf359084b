import {
  exported,
  instant,
  NOBODY,
  ofAccount,
  plain,
  pseudonym,
  shown,
  type TableClasses,
  withAccount,
  withheld,
} from './terms.ts'

/** Accounts, and what people sign in with. */
export const accounts: TableClasses<
  | 'user_account'
  | 'password_credential'
  | 'mfa_secret'
  | 'mfa_recovery_code'
  | 'webauthn_credential'
  | 'oauth_account'
  | 'session'
  | 'refresh_token'
  | 'one_time_token'
> = {
  user_account: {
    title: { en: 'Account', fr: 'Compte' },
    purpose: { en: 'To know a person again, and to write to them.', fr: 'Reconnaître une personne et lui écrire.' },
    retention: {
      en: 'Until the person or staff delete it; erased 30 days after that.',
      fr: 'Jusqu’à suppression par la personne ou le personnel ; effacé 30 jours après.',
      job: 'deleted-accounts',
    },
    links: [{ by: 'account', column: 'id', erase: 'delete', anonymise: 'anonymise', export: true }],
    columns: {
      tenant_id: plain,
      id: {
        ...pseudonym(
          'It names nobody once the row is empty, and the audit log refers to it (art. 17(3)(b) and (e) GDPR).',
        ),
        export: { en: 'Account id', fr: 'Identifiant du compte' },
      },
      email: {
        personal: 'identity',
        export: { en: 'E-mail address', fr: 'Adresse électronique' },
        erase: 'anonymise',
        replacement: NOBODY,
      },
      email_norm: { personal: 'identity', export: false, erase: 'anonymise', replacement: NOBODY },
      name: { personal: 'identity', export: { en: 'Name', fr: 'Nom' }, erase: 'anonymise', replacement: null },
      locale: shown('Language', 'Langue'),
      is_active: { ...shown('Switched on', 'Actif'), replacement: false },
      email_verified_at: {
        personal: 'activity',
        export: { en: 'Address proved', fr: 'Adresse prouvée le' },
        erase: 'anonymise',
        replacement: null,
      },
      mfa_required: { ...shown('Second factor asked for', 'Second facteur exigé'), replacement: false },
      last_login_at: {
        personal: 'activity',
        export: { en: 'Last sign-in', fr: 'Dernière connexion' },
        erase: 'anonymise',
        replacement: null,
      },
      version: plain,
      created_at: instant.created,
      updated_at: instant.updated,
      deleted_at: shown('Deleted', 'Supprimé le'),
      erased_at: { ...plain, replacement: 'now' },
    },
  },
  password_credential: {
    title: { en: 'Password', fr: 'Mot de passe' },
    purpose: { en: 'To check a password without knowing it.', fr: 'Vérifier un mot de passe sans le connaître.' },
    retention: withAccount,
    links: [ofAccount('user_id')],
    columns: {
      tenant_id: plain,
      user_id: withheld('pseudonym'),
      hash: withheld('credential'),
      changed_at: exported('activity', 'Changed', 'Modifié le'),
    },
  },
  mfa_secret: {
    title: { en: 'Authenticator app', fr: 'Application d’authentification' },
    purpose: { en: 'To check the codes of a second factor.', fr: 'Vérifier les codes d’un second facteur.' },
    retention: withAccount,
    links: [ofAccount('user_id')],
    columns: {
      tenant_id: plain,
      user_id: withheld('pseudonym'),
      sealed_secret: withheld('credential'),
      confirmed_at: exported('activity', 'Set up', 'Configurée le'),
      last_step: withheld('activity'),
      pending_secret: withheld('credential'),
      pending_since: exported('activity', 'Being set up since', 'En cours de configuration depuis'),
    },
  },
  mfa_recovery_code: {
    title: { en: 'Recovery codes', fr: 'Codes de secours' },
    purpose: {
      en: 'To let a person in whose app is lost.',
      fr: 'Laisser entrer une personne qui a perdu son application.',
    },
    retention: withAccount,
    links: [ofAccount('user_id')],
    columns: {
      tenant_id: plain,
      user_id: withheld('pseudonym'),
      code_hash: withheld('credential'),
      created_at: exported('activity', 'Made', 'Créé le'),
      used_at: exported('activity', 'Used', 'Utilisé le'),
    },
  },
  webauthn_credential: {
    title: { en: 'Passkeys', fr: 'Clés d’accès' },
    purpose: { en: 'To sign a person in without a password.', fr: 'Connecter une personne sans mot de passe.' },
    retention: withAccount,
    links: [ofAccount('user_id')],
    columns: {
      tenant_id: plain,
      id: withheld('pseudonym'),
      user_id: withheld('pseudonym'),
      credential_id: withheld('credential'),
      public_key: withheld('credential'),
      sign_count: withheld('activity'),
      transports: exported('device', 'Ways to reach it', 'Moyens d’accès'),
      aaguid: exported('device', 'Model of the authenticator', 'Modèle de l’authentificateur'),
      is_backup_eligible: exported('device', 'May be on several devices', 'Peut être sur plusieurs appareils'),
      is_backed_up: exported('device', 'Is on several devices', 'Est sur plusieurs appareils'),
      label: exported('content', 'Name', 'Nom'),
      created_at: exported('activity', 'Added', 'Ajoutée le'),
      last_used_at: exported('activity', 'Last used', 'Dernier usage'),
      suspected_at: exported('activity', 'Looked copied', 'Soupçonnée d’être copiée le'),
    },
  },
  oauth_account: {
    title: { en: 'Sign-in with a provider', fr: 'Connexion par un fournisseur' },
    purpose: {
      en: 'To know a person again who comes from a provider.',
      fr: 'Reconnaître une personne qui vient d’un fournisseur.',
    },
    retention: withAccount,
    links: [ofAccount('user_id')],
    columns: {
      tenant_id: plain,
      id: withheld('pseudonym'),
      user_id: withheld('pseudonym'),
      provider_id: withheld('pseudonym'),
      iss: exported('identity', 'Provider', 'Fournisseur'),
      sub: exported('identity', 'Identifier there', 'Identifiant chez lui'),
      created_at: exported('activity', 'Linked', 'Lié le'),
      last_used_at: exported('activity', 'Last used', 'Dernier usage'),
    },
  },
  session: {
    title: { en: 'Sessions', fr: 'Sessions' },
    purpose: {
      en: 'To keep a person signed in, and to show them where they are.',
      fr: 'Garder une personne connectée et lui montrer où elle l’est.',
    },
    retention: { en: '30 days after their end.', fr: '30 jours après leur fin.', job: 'sessions' },
    links: [ofAccount('user_id')],
    columns: {
      tenant_id: plain,
      id: withheld('pseudonym'),
      user_id: withheld('pseudonym'),
      aal: exported('activity', 'Level of proof', 'Niveau de preuve'),
      amr: exported('activity', 'Signed in by', 'Connexion par'),
      auth_time: exported('activity', 'Last proof', 'Dernière preuve'),
      transport: plain,
      restriction: plain,
      device_label: exported('device', 'Device', 'Appareil'),
      client_sealed: {
        personal: 'device',
        export: { en: 'Address and User-Agent', fr: 'Adresse et navigateur' },
        sealed: 'session-client',
        erase: 'delete',
      },
      created_at: exported('activity', 'Began', 'Début'),
      last_seen_at: exported('activity', 'Last seen', 'Dernière activité'),
      idle_expires_at: plain,
      absolute_expires_at: exported('activity', 'Ends', 'Fin'),
      revoked_at: exported('activity', 'Ended', 'Terminée le'),
      revoked_reason: exported('activity', 'Ended because', 'Motif de fin'),
    },
  },
  refresh_token: {
    title: { en: 'Refresh tokens', fr: 'Jetons de renouvellement' },
    purpose: {
      en: 'To renew a session, and to notice a stolen token.',
      fr: 'Renouveler une session et remarquer un jeton volé.',
    },
    retention: { en: 'A day after they expire.', fr: 'Un jour après leur expiration.', job: 'spent-tokens' },
    links: [
      {
        ...{ by: 'parent', column: 'session_id', parent: 'session', parentColumn: 'id' },
        ...{ erase: 'delete', anonymise: 'delete', export: false },
      },
    ],
    columns: {
      tenant_id: plain,
      token_hash: withheld('credential'),
      session_id: withheld('pseudonym'),
      created_at: withheld('activity'),
      expires_at: plain,
      used_at: withheld('activity'),
      successor_hash: withheld('credential'),
      sealed_successor: withheld('credential'),
    },
  },
  one_time_token: {
    title: { en: 'Links and challenges', fr: 'Liens et défis' },
    purpose: { en: 'To finish what was begun, once.', fr: 'Terminer une fois ce qui a été commencé.' },
    retention: { en: 'A day after they expire.', fr: 'Un jour après leur expiration.', job: 'spent-tokens' },
    links: [
      ofAccount('user_id'),
      // Of somebody who was about to make an account by a provider.
      { by: 'email', column: 'data', member: 'email', erase: 'delete', anonymise: 'delete', export: true },
      {
        ...{ by: 'parent', column: 'token_hash', parent: 'invitation', parentColumn: 'token_hash' },
        ...{ erase: 'delete', anonymise: 'delete', export: false },
      },
    ],
    columns: {
      tenant_id: plain,
      token_hash: withheld('credential'),
      purpose: exported('activity', 'What for', 'Objet'),
      user_id: withheld('pseudonym'),
      // What an unproved registration waits with is sealed, and forgotten a day after its link has expired.
      data: withheld('identity'),
      tries: withheld('activity'),
      created_at: exported('activity', 'Made', 'Créé le'),
      expires_at: exported('activity', 'Expires', 'Expire le'),
    },
  },
}
