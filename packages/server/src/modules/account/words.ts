/** The pages that links in mails lead to, and the one to ask for such a mail. */
export type AccountPage = 'verify' | 'reset' | 'invite' | 'forgot' | 'security'

/** What a page says. */
export interface PageWords {
  readonly title: string
  readonly text: string
  /** Absent: the page asks for nothing. */
  readonly submit?: string
  /** Once it has been done. */
  readonly done?: string
}

export const pageWords: Readonly<Record<'en' | 'fr', Readonly<Record<AccountPage, PageWords>>>> = {
  en: {
    verify: {
      title: 'Confirm your address',
      text: 'Enter the password you chose when you signed up. If you did not sign up, close this page.',
      submit: 'Confirm',
      done: 'Your address is confirmed. You can now sign in.',
    },
    reset: {
      title: 'Choose a new password',
      text: 'Use 12 characters or more. You will be signed out everywhere.',
      submit: 'Change my password',
      done: 'Your password is changed. You can now sign in with it.',
    },
    invite: {
      title: 'Accept the invitation',
      text: 'Choose a password of 12 characters or more for your new account.',
      submit: 'Make my account',
      done: 'Your account is made. You can now sign in.',
    },
    forgot: {
      title: 'Forgotten password',
      text: 'Enter your e-mail address. If it has an account, a link to choose a new password is sent to it.',
      submit: 'Send me a link',
      done: 'If the address has an account, a mail is on its way. The link is good for half an hour.',
    },
    security: {
      title: 'Security of your account',
      text: 'If something happened that was not you, choose a new password: it ends every session. Sessions and second factors are looked after in the application you sign in to.',
    },
  },
  fr: {
    verify: {
      title: 'Confirmez votre adresse',
      text: 'Saisissez le mot de passe choisi à l’inscription. Si vous ne vous êtes pas inscrit, fermez cette page.',
      submit: 'Confirmer',
      done: 'Votre adresse est confirmée. Vous pouvez maintenant vous connecter.',
    },
    reset: {
      title: 'Choisissez un nouveau mot de passe',
      text: '12 caractères ou plus. Vous serez déconnecté partout.',
      submit: 'Changer mon mot de passe',
      done: 'Votre mot de passe est changé. Vous pouvez maintenant vous connecter avec lui.',
    },
    invite: {
      title: 'Acceptez l’invitation',
      text: 'Choisissez un mot de passe de 12 caractères ou plus pour votre nouveau compte.',
      submit: 'Créer mon compte',
      done: 'Votre compte est créé. Vous pouvez maintenant vous connecter.',
    },
    forgot: {
      title: 'Mot de passe oublié',
      text: 'Saisissez votre adresse électronique. Si elle a un compte, un lien pour choisir un nouveau mot de passe y est envoyé.',
      submit: 'Envoyez-moi un lien',
      done: 'Si l’adresse a un compte, un message est en route. Le lien est valable une demi-heure.',
    },
    security: {
      title: 'Sécurité de votre compte',
      text: 'Si quelque chose s’est passé sans vous, choisissez un nouveau mot de passe : cela met fin à toutes les sessions. Les sessions et les seconds facteurs se gèrent dans l’application où vous vous connectez.',
    },
  },
}

export const commonWords = {
  en: {
    email: 'E-mail address',
    name: 'Your name',
    password: 'Password',
    newPassword: 'New password',
    forgot: 'Choose a new password',
    again: 'Ask for another link',
    noToken: 'The link is not complete. Open it again from the mail, or ask for another.',
    noScript: 'This page needs JavaScript: the link’s secret is read by your browser and by nobody on the way.',
    failed: 'That did not work. Check your connection and try again.',
  },
  fr: {
    email: 'Adresse électronique',
    name: 'Votre nom',
    password: 'Mot de passe',
    newPassword: 'Nouveau mot de passe',
    forgot: 'Choisir un nouveau mot de passe',
    again: 'Demander un autre lien',
    noToken: 'Le lien n’est pas complet. Rouvrez-le depuis le message, ou demandez-en un autre.',
    noScript:
      'Cette page a besoin de JavaScript : le secret du lien est lu par votre navigateur et par personne en chemin.',
    failed: 'Cela n’a pas fonctionné. Vérifiez votre connexion et réessayez.',
  },
} as const
