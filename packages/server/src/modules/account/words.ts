/** The pages that links in mails lead to, and the one to ask for such a mail. */
export const accountPages = [
  'verify',
  'reset',
  'invite',
  'forgot',
  'security',
  'change-email',
  'return-email',
  'end-sessions',
  'reset-factor',
  'keep-factor',
] as const
export type AccountPage = (typeof accountPages)[number]

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
    'change-email': {
      title: 'Use this address',
      text: 'Your account moves to this address, and you are signed out everywhere. If the account that the mail names is not yours, close this page.',
      submit: 'Use this address',
      done: 'The address is changed. Sign in with it from now on.',
    },
    'return-email': {
      title: 'Back to this address',
      text: 'Somebody changed the address of your account. Take it back: every session ends, and the password is good no more.',
      submit: 'Take my account back',
      done: 'The account has this address again. A link to choose a new password is on its way to it.',
    },
    'end-sessions': {
      title: 'Sign out everywhere',
      text: 'This ends every session of your account, and calls off what was asked for in your name: a new address, a new password, another second factor.',
      submit: 'End every session',
      done: 'Every session has ended. If somebody else was signed in, choose a new password now.',
    },
    'reset-factor': {
      title: 'Lost second factor',
      text: 'From one day on after you confirm, the next sign-in goes without your second factor. Until then a code of it, a new password or the link of the next mail calls this off.',
      submit: 'I have lost my second factor',
      done: 'Noted. A mail says from when on you can sign in without it.',
    },
    'keep-factor': {
      title: 'Keep the second factor',
      text: 'Your second factor stays. If it was not you who called it lost, somebody else knows your password: choose a new one.',
      submit: 'Keep my second factor',
      done: 'Your second factor stays as it is.',
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
    'change-email': {
      title: 'Utilisez cette adresse',
      text: 'Votre compte passe à cette adresse et vous serez déconnecté partout. Si le compte nommé dans le message n’est pas le vôtre, fermez cette page.',
      submit: 'Utiliser cette adresse',
      done: 'L’adresse est changée. Connectez-vous désormais avec elle.',
    },
    'return-email': {
      title: 'Revenez à cette adresse',
      text: 'Quelqu’un a changé l’adresse de votre compte. Reprenez-le : toutes les sessions se ferment et le mot de passe ne vaut plus rien.',
      submit: 'Reprendre mon compte',
      done: 'Le compte a retrouvé cette adresse. Un lien pour choisir un nouveau mot de passe y est envoyé.',
    },
    'end-sessions': {
      title: 'Déconnectez-vous partout',
      text: 'Cela ferme toutes les sessions de votre compte et annule ce qui a été demandé en votre nom : une autre adresse, un nouveau mot de passe, un autre second facteur.',
      submit: 'Fermer toutes les sessions',
      done: 'Toutes les sessions sont fermées. Si quelqu’un d’autre était connecté, choisissez un nouveau mot de passe.',
    },
    'reset-factor': {
      title: 'Second facteur perdu',
      text: 'Un jour après votre confirmation, la prochaine connexion se fera sans votre second facteur. D’ici là, un de ses codes, un nouveau mot de passe ou le lien du prochain message annulent tout.',
      submit: 'J’ai perdu mon second facteur',
      done: 'C’est noté. Un message vous dit à partir de quand vous pourrez vous connecter sans lui.',
    },
    'keep-factor': {
      title: 'Gardez le second facteur',
      text: 'Votre second facteur reste. Si ce n’est pas vous qui l’avez dit perdu, quelqu’un d’autre connaît votre mot de passe : choisissez-en un nouveau.',
      submit: 'Garder mon second facteur',
      done: 'Votre second facteur reste tel quel.',
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
