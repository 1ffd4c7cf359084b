/** The pages of somebody who signs in, or is signed in. */
export type SessionPage = 'sign-in' | 'passkeys'

export interface SessionWords {
  readonly title: string
  readonly text: string
  readonly email: string
  readonly password: string
  readonly code: string
  readonly signIn: string
  readonly usePasskey: string
  readonly forgot: string
  readonly label: string
  readonly add: string
  readonly confirm: string
  readonly again: string
  readonly signOut: string
  readonly noScript: string
  /** What its script says. */
  readonly said: {
    readonly failed: string
    readonly unsupported: string
    readonly cancelled: string
    readonly signedOut: string
    readonly wantsPasskey: string
    readonly added: string
    readonly removed: string
    readonly confirmed: string
    readonly none: string
    readonly remove: string
    readonly created: string
    readonly used: string
    readonly unused: string
    readonly synced: string
    readonly suspected: string
  }
}

const common: Readonly<Record<'en' | 'fr', Omit<SessionWords, 'title' | 'text'>>> = {
  en: {
    email: 'E-mail address',
    password: 'Password',
    code: 'Code of your authenticator app',
    signIn: 'Sign in',
    usePasskey: 'Use a passkey',
    forgot: 'Forgotten password',
    label: 'Name of the new passkey',
    add: 'Add a passkey',
    confirm: 'Confirm with a passkey',
    again: 'Sign in again',
    signOut: 'Sign out',
    noScript: 'This page needs JavaScript: passkeys are asked for by your browser.',
    said: {
      failed: 'That did not work. Check your connection and try again.',
      unsupported: 'This browser knows no passkeys.',
      cancelled: 'No passkey was used.',
      signedOut: 'You are not signed in.',
      wantsPasskey: 'Your account asks for more than a password. Enter a code, or use a passkey.',
      added: 'The passkey is added. You can sign in with it.',
      removed: 'The passkey is removed, and every other session has ended.',
      confirmed: 'Confirmed. You can go on.',
      none: 'You have no passkey yet.',
      remove: 'Remove',
      created: 'Added',
      used: 'last used',
      unused: 'never used',
      synced: 'on several devices',
      suspected: 'Behaved like a copy and is good for nothing any more: remove it.',
    },
  },
  fr: {
    email: 'Adresse électronique',
    password: 'Mot de passe',
    code: 'Code de votre application d’authentification',
    signIn: 'Se connecter',
    usePasskey: 'Utiliser une clé d’accès',
    forgot: 'Mot de passe oublié',
    label: 'Nom de la nouvelle clé d’accès',
    add: 'Ajouter une clé d’accès',
    confirm: 'Confirmer avec une clé d’accès',
    again: 'Se reconnecter',
    signOut: 'Se déconnecter',
    noScript: 'Cette page a besoin de JavaScript : c’est votre navigateur qui demande les clés d’accès.',
    said: {
      failed: 'Cela n’a pas fonctionné. Vérifiez votre connexion et réessayez.',
      unsupported: 'Ce navigateur ne connaît pas les clés d’accès.',
      cancelled: 'Aucune clé d’accès n’a servi.',
      signedOut: 'Vous n’êtes pas connecté.',
      wantsPasskey: 'Votre compte demande plus qu’un mot de passe. Saisissez un code, ou utilisez une clé d’accès.',
      added: 'La clé d’accès est ajoutée. Vous pouvez vous connecter avec elle.',
      removed: 'La clé d’accès est supprimée, et toutes les autres sessions sont terminées.',
      confirmed: 'Confirmé. Vous pouvez continuer.',
      none: 'Vous n’avez pas encore de clé d’accès.',
      remove: 'Supprimer',
      created: 'Ajoutée le',
      used: 'dernier usage le',
      unused: 'jamais utilisée',
      synced: 'sur plusieurs appareils',
      suspected: 'S’est comportée comme une copie et ne sert plus : supprimez-la.',
    },
  },
}

export const sessionWords: Readonly<Record<'en' | 'fr', Readonly<Record<SessionPage, SessionWords>>>> = {
  en: {
    'sign-in': { ...common.en, title: 'Sign in', text: 'With your password, or with a passkey and nothing else.' },
    passkeys: {
      ...common.en,
      title: 'Your passkeys',
      text: 'A passkey signs you in with the fingerprint, face or code of your device. No password is typed or sent.',
    },
  },
  fr: {
    'sign-in': {
      ...common.fr,
      title: 'Connexion',
      text: 'Avec votre mot de passe, ou avec une clé d’accès et rien d’autre.',
    },
    passkeys: {
      ...common.fr,
      title: 'Vos clés d’accès',
      text: 'Une clé d’accès vous connecte par l’empreinte, le visage ou le code de votre appareil. Aucun mot de passe n’est saisi ni envoyé.',
    },
  },
}
