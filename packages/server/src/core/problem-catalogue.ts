/** A sentence in the languages the product speaks. */
export interface Sentence {
  readonly en: string
  readonly fr: string
}

/** One problem type: its status and its sentences. */
export interface ProblemType {
  readonly status: number
  /** A type registered elsewhere; absent: `urn:rempart:problem:<code>`. */
  readonly type?: string
  readonly title: Sentence
  /** What to change. `{name}` is filled from the error's parameters, which never carry personal data. */
  readonly detail?: Sentence
}

const problem = (status: number, title: Sentence, detail?: Sentence, type?: string): ProblemType => ({
  status,
  title,
  ...(detail && { detail }),
  ...(type && { type }),
})

// Types of the RateLimit header draft, "Problem Types" section.
const quotaExceeded = 'https://iana.org/assignments/http-problem-types#quota-exceeded'

/** Every refusal and failure the server can answer with. `docs/reference/problems.md` is generated from this table. */
export const problemTypes = {
  'malformed-request': problem(
    400,
    { en: 'Malformed request', fr: 'Requête mal formée' },
    { en: 'The request could not be read as HTTP.', fr: 'La requête n’a pas pu être lue comme du HTTP.' },
  ),
  'https-required': problem(
    400,
    { en: 'HTTPS required', fr: 'HTTPS obligatoire' },
    {
      en: 'The API answers over https alone. Whatever was sent has travelled in the clear: replace a key or a token that was in it.',
      fr: 'L’API ne répond qu’en https. Ce qui a été envoyé a circulé en clair : remplacez la clé ou le jeton qui s’y trouvait.',
    },
  ),
  'invalid-json': problem(
    400,
    { en: 'Invalid JSON', fr: 'JSON invalide' },
    { en: 'The body is not acceptable JSON: {reason}.', fr: 'Le corps n’est pas du JSON acceptable : {reason}.' },
  ),
  'invalid-request': problem(
    400,
    { en: 'Invalid request', fr: 'Requête invalide' },
    { en: 'See errors for what to change.', fr: 'Voir errors pour ce qu’il faut changer.' },
  ),
  'invalid-path': problem(
    400,
    { en: 'Invalid path', fr: 'Chemin invalide' },
    { en: 'The path has a malformed percent-encoding.', fr: 'Le chemin contient un encodage pour-cent mal formé.' },
  ),
  'unsupported-api-version': problem(
    400,
    { en: 'Unsupported API version', fr: 'Version d’API non prise en charge' },
    { en: 'This server answers API-Version 1.', fr: 'Ce serveur répond à API-Version 1.' },
  ),
  'untrusted-host': problem(
    400,
    { en: 'Unknown host', fr: 'Hôte inconnu' },
    {
      en: 'This server does not answer for that host name.',
      fr: 'Ce serveur ne répond pas pour ce nom d’hôte.',
    },
  ),
  'invalid-submission': problem(
    400,
    { en: 'Invalid submission', fr: 'Envoi invalide' },
    { en: 'Invalid form submission', fr: 'Envoi de formulaire invalide' },
  ),
  'form-expired': problem(
    400,
    { en: 'Form expired', fr: 'Formulaire expiré' },
    {
      en: 'The form was opened too long ago. Load it again and submit it.',
      fr: 'Le formulaire a été ouvert il y a trop longtemps. Rechargez-le puis renvoyez-le.',
    },
  ),
  'render-token-invalid': problem(
    400,
    { en: 'Invalid render token', fr: 'Jeton de rendu invalide' },
    {
      en: 'The render token is missing, malformed, not for this form, or was used already. Load the form again.',
      fr: 'Le jeton de rendu est absent, mal formé, destiné à un autre formulaire ou déjà utilisé. Rechargez le formulaire.',
    },
  ),
  'idempotency-key-invalid': problem(
    400,
    { en: 'Invalid Idempotency-Key', fr: 'Idempotency-Key invalide' },
    {
      en: 'The Idempotency-Key is one value of 1 to 255 printable ASCII characters.',
      fr: 'L’Idempotency-Key est une seule valeur de 1 à 255 caractères ASCII imprimables.',
    },
  ),
  'invalid-form-body': problem(
    400,
    { en: 'Invalid form body', fr: 'Corps de formulaire invalide' },
    {
      en: 'The body is not acceptable as application/x-www-form-urlencoded.',
      fr: 'Le corps n’est pas acceptable comme application/x-www-form-urlencoded.',
    },
  ),
  'unexpected-body': problem(
    400,
    { en: 'Unexpected body', fr: 'Corps inattendu' },
    { en: 'This operation takes no body.', fr: 'Cette opération ne prend pas de corps.' },
  ),
  'link-invalid': problem(
    400,
    { en: 'Link not valid', fr: 'Lien non valable' },
    {
      en: 'The link has been used, has expired or has been replaced by a newer one. Ask for another.',
      fr: 'Le lien a été utilisé, a expiré ou a été remplacé par un plus récent. Demandez-en un autre.',
    },
  ),
  'ambiguous-credentials': problem(
    400,
    { en: 'Two credentials', fr: 'Deux identifications' },
    { en: 'Send one credential, not several.', fr: 'Envoyez une seule identification.' },
  ),
  'authentication-required': problem(
    401,
    { en: 'Authentication required', fr: 'Authentification requise' },
    {
      en: 'Send an access token or an API key as Authorization: Bearer.',
      fr: 'Envoyez un jeton d’accès ou une clé d’API dans Authorization: Bearer.',
    },
  ),
  'credential-invalid': problem(
    401,
    { en: 'Invalid credential', fr: 'Identification invalide' },
    {
      en: 'The credential is malformed, unknown, expired or revoked.',
      fr: 'L’identification est mal formée, inconnue, expirée ou révoquée.',
    },
  ),
  'captcha-required': problem(
    401,
    { en: 'Proof required', fr: 'Preuve demandée' },
    {
      en: 'Solve the challenge and send the request again with the solution in the header Rempart-Proof.',
      fr: 'Résolvez le défi (challenge) puis renvoyez la requête avec la solution dans l’en-tête Rempart-Proof.',
    },
  ),
  'sign-in-refused': problem(
    401,
    { en: 'Sign-in refused', fr: 'Connexion refusée' },
    {
      en: 'The e-mail address or the password is not right.',
      fr: 'L’adresse électronique ou le mot de passe n’est pas exact.',
    },
  ),
  'registration-closed': problem(
    403,
    { en: 'Registration closed', fr: 'Inscription fermée' },
    {
      en: 'Accounts are made by invitation here.',
      fr: 'Les comptes se créent ici sur invitation.',
    },
  ),
  'proof-refused': problem(
    401,
    { en: 'Proof refused', fr: 'Preuve refusée' },
    {
      en: 'The password or the code is not right. A code is good once: wait for the next one.',
      fr: 'Le mot de passe ou le code n’est pas exact. Un code ne sert qu’une fois : attendez le suivant.',
    },
  ),
  'mfa-challenge-invalid': problem(
    401,
    { en: 'Sign in again', fr: 'Reconnectez-vous' },
    {
      en: 'This sign-in was completed, has expired or had too many wrong codes. Start again with the password.',
      fr: 'Cette connexion a abouti, a expiré ou a reçu trop de codes inexacts. Recommencez par le mot de passe.',
    },
  ),
  'email-unverified': problem(
    403,
    { en: 'Address not confirmed', fr: 'Adresse non confirmée' },
    {
      en: 'Confirm your e-mail address first, with the link that was sent to it.',
      fr: 'Confirmez d’abord votre adresse électronique, avec le lien qui y a été envoyé.',
    },
  ),
  'too-busy': problem(
    503,
    { en: 'Busy', fr: 'Occupé' },
    {
      en: 'Too many sign-ins at this moment; try again in a few seconds.',
      fr: 'Trop de connexions en ce moment ; réessayez dans quelques secondes.',
    },
  ),
  'scope-missing': problem(
    403,
    { en: 'Not allowed', fr: 'Non autorisé' },
    { en: 'This credential lacks the scope {scope}.', fr: 'Cette identification n’a pas la portée {scope}.' },
  ),
  'permission-missing': problem(
    403,
    { en: 'Not allowed', fr: 'Non autorisé' },
    {
      en: 'Your roles do not grant {permission}.',
      fr: 'Vos rôles n’accordent pas {permission}.',
    },
  ),
  'session-required': problem(
    403,
    { en: 'For people only', fr: 'Réservé aux personnes' },
    {
      en: 'This takes a person who is signed in; an API key cannot do it.',
      fr: 'Il faut une personne connectée ; une clé d’API ne le peut pas.',
    },
  ),
  'api-key-not-found': problem(404, { en: 'Unknown API key', fr: 'Clé d’API inconnue' }),
  'api-key-ended': problem(
    409,
    { en: 'API key ended', fr: 'Clé d’API terminée' },
    {
      en: 'It has expired, was revoked, or was replaced before.',
      fr: 'Elle a expiré, a été révoquée ou a déjà été remplacée.',
    },
  ),
  'session-not-found': problem(404, { en: 'Unknown session', fr: 'Session inconnue' }),
  'mfa-enrolment-required': problem(
    403,
    { en: 'Second factor required', fr: 'Second facteur exigé' },
    {
      en: 'Set up a second factor first: this session is for that alone.',
      fr: 'Configurez d’abord un second facteur : cette session ne sert qu’à cela.',
    },
  ),
  'beyond-own-rights': problem(
    403,
    { en: 'Beyond your own rights', fr: 'Au-delà de vos droits' },
    {
      en: 'Nobody gives, takes or touches what they do not hold themselves, nor for longer than they hold it.',
      fr: 'Nul ne donne, ne retire ni ne touche ce dont il ne dispose pas lui-même, ni pour plus longtemps qu’il n’en dispose.',
    },
  ),
  'csrf-refused': problem(
    403,
    { en: 'Sent by another site', fr: 'Envoyé par un autre site' },
    {
      en: 'With cookies, send Origin, X-Rempart-CSRF: 1 and a JSON body, from a page of this origin.',
      fr: 'Avec des cookies, envoyez Origin, X-Rempart-CSRF: 1 et un corps JSON, depuis une page de cette origine.',
    },
  ),
  'step-up-required': problem(
    401,
    { en: 'Sign in again', fr: 'Reconnectez-vous' },
    {
      en: 'This asks for a proof of who you are that is not older than {seconds} seconds. Confirm at /auth/step-up, or with a passkey at /passkeys/step-up.',
      fr: 'Ceci demande une preuve de votre identité de moins de {seconds} secondes. Confirmez à /auth/step-up, ou avec une clé d’accès à /passkeys/step-up.',
    },
  ),
  'tenant-conflict': problem(
    403,
    { en: 'Conflicting tenants', fr: 'Organisations contradictoires' },
    {
      en: 'The request names two different tenants.',
      fr: 'La requête nomme deux organisations différentes.',
    },
  ),
  'tenant-suspended': problem(
    403,
    { en: 'Tenant suspended', fr: 'Organisation suspendue' },
    { en: 'The tenant of this credential is suspended.', fr: 'L’organisation de cette identification est suspendue.' },
  ),
  'access-denied': problem(
    403,
    { en: 'Access denied', fr: 'Accès refusé' },
    { en: 'This client is not admitted here.', fr: 'Ce client n’est pas admis ici.' },
  ),
  'challenge-required': problem(
    403,
    { en: 'Proof required', fr: 'Preuve demandée' },
    {
      en: 'Solve the challenge and send the request again with the solution in the header Rempart-Proof.',
      fr: 'Résolvez le défi (challenge) puis renvoyez la requête avec la solution dans l’en-tête Rempart-Proof.',
    },
  ),
  'cross-site-request': problem(
    403,
    { en: 'Sent by another site', fr: 'Envoyé par un autre site' },
    {
      en: 'A page of another origin sent this form. Open the form itself and send it from there.',
      fr: 'Une page d’une autre origine a envoyé ce formulaire. Ouvrez le formulaire lui-même et envoyez-le de là.',
    },
  ),
  'not-found': problem(
    404,
    { en: 'Not found', fr: 'Introuvable' },
    { en: 'Nothing is at this address.', fr: 'Il n’y a rien à cette adresse.' },
  ),
  'tenant-not-found': problem(
    404,
    { en: 'Unknown tenant', fr: 'Organisation inconnue' },
    {
      en: 'Name an existing tenant by its domain, X-Tenant-ID or ?tenant=.',
      fr: 'Nommez une organisation existante par son domaine, X-Tenant-ID ou ?tenant=.',
    },
  ),
  'tenant-slug-taken': problem(
    409,
    { en: 'Slug taken', fr: 'Slug déjà pris' },
    { en: 'Another tenant has this slug.', fr: 'Une autre organisation a ce slug.' },
  ),
  'tenant-is-platform': problem(
    409,
    { en: 'This is the platform', fr: 'C’est la plateforme' },
    {
      en: 'The platform is neither suspended nor entered by a grant.',
      fr: 'La plateforme n’est ni suspendue, ni ouverte par une habilitation.',
    },
  ),
  'operator-not-found': problem(
    404,
    { en: 'Unknown operator', fr: 'Opérateur inconnu' },
    {
      en: 'The platform has no active person with this id.',
      fr: 'La plateforme n’a pas de personne active avec cet id.',
    },
  ),
  'operator-grant-not-found': problem(404, { en: 'Unknown grant', fr: 'Habilitation inconnue' }),
  'domain-not-found': problem(404, { en: 'Unknown domain', fr: 'Domaine inconnu' }),
  'domain-taken': problem(
    409,
    { en: 'Domain taken', fr: 'Domaine déjà pris' },
    {
      en: 'Another tenant has proven that this domain is its own.',
      fr: 'Une autre organisation a prouvé que ce domaine est le sien.',
    },
  ),
  'domain-unproven': problem(
    409,
    { en: 'Domain not proven yet', fr: 'Domaine pas encore prouvé' },
    {
      en: 'The DNS has no TXT record {name} with the value of this claim. A new record may take an hour to be seen.',
      fr: 'Le DNS n’a pas d’enregistrement TXT {name} avec la valeur de cette demande. Un nouvel enregistrement peut mettre une heure à se voir.',
    },
  ),
  'too-many-domains': problem(
    409,
    { en: 'Too many domains', fr: 'Trop de domaines' },
    { en: 'A tenant has 20 domains at most.', fr: 'Une organisation a 20 domaines au plus.' },
  ),
  'form-not-found': problem(
    404,
    { en: 'Unknown form', fr: 'Formulaire inconnu' },
    { en: 'No such form is published here.', fr: 'Aucun formulaire de ce nom n’est publié ici.' },
  ),
  'form-version-not-found': problem(404, { en: 'Unknown form version', fr: 'Version de formulaire inconnue' }),
  'lead-not-found': problem(404, { en: 'Unknown lead', fr: 'Piste inconnue' }),
  'message-not-found': problem(404, { en: 'Unknown message', fr: 'Message inconnu' }),
  'resource-not-found': problem(404, { en: 'Unknown resource', fr: 'Ressource inconnue' }),
  'gate-not-found': problem(404, { en: 'Unknown gate', fr: 'Liste d’inscription inconnue' }),
  'user-not-found': problem(404, { en: 'Unknown account', fr: 'Compte inconnu' }),
  'privacy-request-not-found': problem(404, { en: 'Unknown request', fr: 'Demande inconnue' }),
  'person-gone': problem(
    409,
    { en: 'Account erased meanwhile', fr: 'Compte effacé entre-temps' },
    {
      en: 'The account was erased while this was under way; nothing of it was stored.',
      fr: 'Le compte a été effacé pendant l’opération ; rien n’en a été enregistré.',
    },
  ),
  'privacy-request-closed': problem(
    409,
    { en: 'Request already answered', fr: 'Demande déjà traitée' },
    { en: 'A request is answered once.', fr: 'Une demande est traitée une seule fois.' },
  ),
  'privacy-request-kind': problem(
    409,
    { en: 'Request of another kind', fr: 'Demande d’une autre nature' },
    {
      en: 'Only a request for erasure is carried out by erasing, and only one for access by an export.',
      fr: 'Seule une demande d’effacement s’exécute par un effacement, et seule une demande d’accès par un export.',
    },
  ),
  'role-not-found': problem(404, { en: 'Unknown role', fr: 'Rôle inconnu' }),
  'role-not-assigned': problem(404, { en: 'Role not held', fr: 'Rôle non attribué' }),
  'invitation-not-found': problem(404, { en: 'Unknown invitation', fr: 'Invitation inconnue' }),
  'policy-not-found': problem(404, { en: 'Unknown policy', fr: 'Politique inconnue' }),
  'security-event-not-found': problem(404, { en: 'Unknown security event', fr: 'Événement de sécurité inconnu' }),
  'registration-not-found': problem(404, { en: 'Unknown registration', fr: 'Inscription inconnue' }),
  'method-not-allowed': problem(
    405,
    { en: 'Method not allowed', fr: 'Méthode non autorisée' },
    { en: 'Use one of: {methods}.', fr: 'Utilisez : {methods}.' },
  ),
  'request-timeout': problem(
    408,
    { en: 'Request timeout', fr: 'Délai dépassé' },
    { en: 'The request was not sent in time.', fr: 'La requête n’a pas été envoyée à temps.' },
  ),
  'slug-taken': problem(
    409,
    { en: 'Slug taken', fr: 'Identifiant déjà pris' },
    {
      en: 'Another form or gate of this tenant has this slug.',
      fr: 'Un autre formulaire ou une autre liste de cette organisation porte cet identifiant.',
    },
  ),
  'version-conflict': problem(
    409,
    { en: 'Version conflict', fr: 'Conflit de version' },
    {
      en: 'Another version was saved at the same time. Try again.',
      fr: 'Une autre version a été enregistrée en même temps. Réessayez.',
    },
  ),
  'form-archived': problem(
    409,
    { en: 'Form archived', fr: 'Formulaire archivé' },
    {
      en: 'An archived form cannot be published. Restore it first.',
      fr: 'Un formulaire archivé ne peut pas être publié. Restaurez-le d’abord.',
    },
  ),
  'resource-deleted': problem(
    409,
    { en: 'Resource deleted', fr: 'Ressource supprimée' },
    {
      en: 'A deleted resource cannot be changed. Restore it first.',
      fr: 'Une ressource supprimée ne peut pas être modifiée. Restaurez-la d’abord.',
    },
  ),
  'mfa-not-enrolled': problem(
    409,
    { en: 'No second factor', fr: 'Pas de second facteur' },
    { en: 'Set up a second factor first.', fr: 'Configurez d’abord un second facteur.' },
  ),
  'own-second-factor': problem(
    409,
    { en: 'Your own second factor', fr: 'Votre propre second facteur' },
    {
      en: 'Give your own up at /mfa/disable, with a code of it, or have somebody else take it away.',
      fr: 'Abandonnez le vôtre sur /mfa/disable, avec un de ses codes, ou faites-le retirer par quelqu’un d’autre.',
    },
  ),
  'mfa-not-pending': problem(
    409,
    { en: 'Nothing to confirm', fr: 'Rien à confirmer' },
    {
      en: 'Ask for a secret at /mfa/setup first; it waits for its first code for thirty minutes.',
      fr: 'Demandez d’abord un secret à /mfa/setup ; il attend son premier code pendant trente minutes.',
    },
  ),
  'mfa-mandatory': problem(
    409,
    { en: 'Second factor required', fr: 'Second facteur exigé' },
    {
      en: 'You have to have a second factor. Set up another one in its place instead.',
      fr: 'Vous devez avoir un second facteur. Configurez-en plutôt un autre à sa place.',
    },
  ),
  'step-up-unavailable': problem(
    409,
    { en: 'Sign in again', fr: 'Reconnectez-vous' },
    {
      en: 'You have neither a password nor a second factor to confirm with. Sign out and in again.',
      fr: 'Vous n’avez ni mot de passe ni second facteur pour confirmer. Déconnectez-vous puis reconnectez-vous.',
    },
  ),
  'passkey-invalid': problem(
    400,
    { en: 'Passkey not accepted', fr: 'Clé d’accès non acceptée' },
    {
      en: 'It was not made for this page and this person, its device did not verify you, or it took longer than five minutes. Start again.',
      fr: 'Elle n’a pas été créée pour cette page et cette personne, son appareil ne vous a pas vérifié, ou plus de cinq minutes ont passé. Recommencez.',
    },
  ),
  'passkey-refused': problem(
    401,
    { en: 'Passkey refused', fr: 'Clé d’accès refusée' },
    {
      en: 'This passkey does not sign you in here. Start again, or use another way.',
      fr: 'Cette clé d’accès ne vous connecte pas ici. Recommencez, ou utilisez un autre moyen.',
    },
  ),
  'passkey-not-found': problem(404, { en: 'Unknown passkey', fr: 'Clé d’accès inconnue' }),
  'passkey-known': problem(
    409,
    { en: 'Known already', fr: 'Déjà connue' },
    { en: 'This passkey has been added before.', fr: 'Cette clé d’accès a déjà été ajoutée.' },
  ),
  'passkey-limit': problem(
    409,
    { en: 'Too many passkeys', fr: 'Trop de clés d’accès' },
    { en: 'A person has 20 passkeys at most.', fr: 'Une personne a 20 clés d’accès au plus.' },
  ),
  'passkey-last-way-in': problem(
    409,
    { en: 'Last way in', fr: 'Dernier moyen de connexion' },
    {
      en: 'Nothing would be left to sign in with. Add another passkey or set a password first.',
      fr: 'Il ne resterait rien pour se connecter. Ajoutez d’abord une autre clé d’accès ou un mot de passe.',
    },
  ),
  'oauth-state-invalid': problem(
    400,
    { en: 'Start again', fr: 'Recommencez' },
    {
      en: 'This sign-in was completed, has expired, or was started in another browser. Start it again.',
      fr: 'Cette connexion a abouti, a expiré ou a été commencée dans un autre navigateur. Recommencez-la.',
    },
  ),
  'oauth-refused': problem(
    401,
    { en: 'Sign-in refused', fr: 'Connexion refusée' },
    {
      en: 'The provider did not confirm who you are. Start again.',
      fr: 'Le fournisseur n’a pas confirmé votre identité. Recommencez.',
    },
  ),
  'oauth-email-unverified': problem(
    403,
    { en: 'Address not vouched for', fr: 'Adresse non garantie' },
    {
      en: 'The provider does not vouch for your e-mail address. Confirm it there first.',
      fr: 'Le fournisseur ne garantit pas votre adresse électronique. Confirmez-la d’abord chez lui.',
    },
  ),
  'oauth-provider-not-found': problem(404, { en: 'Unknown provider', fr: 'Fournisseur inconnu' }),
  'oauth-account-not-found': problem(404, { en: 'Unknown link', fr: 'Lien inconnu' }),
  'oauth-account-exists': problem(
    409,
    { en: 'Sign in and link', fr: 'Connectez-vous puis liez' },
    {
      en: 'Your address has an account here. Sign in the way you usually do, then link the provider.',
      fr: 'Votre adresse a un compte ici. Connectez-vous comme d’habitude, puis liez le fournisseur.',
    },
  ),
  'oauth-already-linked': problem(
    409,
    { en: 'Linked already', fr: 'Déjà lié' },
    {
      en: 'This identity is linked to another account.',
      fr: 'Cette identité est liée à un autre compte.',
    },
  ),
  'oauth-last-way-in': problem(
    409,
    { en: 'Last way in', fr: 'Dernier moyen de connexion' },
    {
      en: 'Nothing would be left to sign in with. Set a password first.',
      fr: 'Il ne resterait rien pour se connecter. Définissez d’abord un mot de passe.',
    },
  ),
  'provider-code-taken': problem(
    409,
    { en: 'Name taken', fr: 'Nom déjà pris' },
    { en: 'Another provider has this code.', fr: 'Un autre fournisseur a ce code.' },
  ),
  'provider-limit': problem(
    409,
    { en: 'Too many providers', fr: 'Trop de fournisseurs' },
    { en: 'A tenant has 20 providers at most.', fr: 'Une organisation a 20 fournisseurs au plus.' },
  ),
  'webhook-not-found': problem(404, { en: 'Unknown webhook', fr: 'Webhook inconnu' }),
  'webhook-delivery-not-found': problem(404, { en: 'Unknown delivery', fr: 'Envoi inconnu' }),
  'webhook-limit': problem(
    409,
    { en: 'Too many webhooks', fr: 'Trop de webhooks' },
    { en: 'A tenant has 10 webhooks at most.', fr: 'Une organisation a 10 webhooks au plus.' },
  ),
  'webhook-switched-off': problem(
    409,
    { en: 'The webhook is switched off', fr: 'Le webhook est désactivé' },
    { en: 'Nothing is sent to it. Switch it on first.', fr: 'Rien ne lui est envoyé. Activez-le d’abord.' },
  ),
  'webhook-delivery-pending': problem(
    409,
    { en: 'The delivery is still being tried', fr: 'L’envoi est encore en cours' },
    {
      en: 'It is tried again by itself; it can be replayed once it was taken or given up.',
      fr: 'Il est réessayé de lui-même ; il peut être rejoué une fois reçu ou abandonné.',
    },
  ),
  'oauth-provider-unavailable': problem(
    503,
    { en: 'Provider unavailable', fr: 'Fournisseur indisponible' },
    {
      en: 'The provider does not answer, or not as one. Try again in a moment.',
      fr: 'Le fournisseur ne répond pas, ou pas comme il faut. Réessayez dans un instant.',
    },
  ),
  'email-taken': problem(
    409,
    { en: 'Address taken', fr: 'Adresse déjà prise' },
    {
      en: 'An account with this e-mail address exists.',
      fr: 'Un compte avec cette adresse électronique existe.',
    },
  ),
  'user-deleted': problem(
    409,
    { en: 'Account deleted', fr: 'Compte supprimé' },
    {
      en: 'A deleted account cannot be changed. Restore it first.',
      fr: 'Un compte supprimé ne peut pas être modifié. Restaurez-le d’abord.',
    },
  ),
  'last-owner': problem(
    409,
    { en: 'Last owner', fr: 'Dernier propriétaire' },
    {
      en: 'The organisation would be left without an owner who can sign in. Make another one first.',
      fr: 'L’organisation n’aurait plus de propriétaire qui puisse se connecter. Nommez-en d’abord un autre.',
    },
  ),
  'role-builtin': problem(
    409,
    { en: 'Built-in role', fr: 'Rôle intégré' },
    {
      en: 'A built-in role is neither changed nor deleted. Make one of your own.',
      fr: 'Un rôle intégré n’est ni modifié ni supprimé. Créez le vôtre.',
    },
  ),
  'role-in-use': problem(
    409,
    { en: 'Role in use', fr: 'Rôle utilisé' },
    {
      en: 'Somebody holds this role or is invited to it. Take it from them first.',
      fr: 'Quelqu’un détient ce rôle ou y est invité. Retirez-le d’abord.',
    },
  ),
  'role-code-taken': problem(
    409,
    { en: 'Code taken', fr: 'Code déjà pris' },
    { en: 'Another role has this code.', fr: 'Un autre rôle porte ce code.' },
  ),
  'body-too-large': problem(
    413,
    { en: 'Body too large', fr: 'Corps trop volumineux' },
    {
      en: 'Request body too large. Maximum size is 1MB.',
      fr: 'Corps de requête trop volumineux. La taille maximale est de 1 Mo.',
    },
  ),
  'uri-too-long': problem(414, { en: 'URI too long', fr: 'URI trop longue' }),
  'unsupported-media-type': problem(
    415,
    { en: 'Unsupported media type', fr: 'Type de contenu non pris en charge' },
    {
      en: 'Send the body as application/json, in UTF-8 and without Content-Encoding.',
      fr: 'Envoyez le corps en application/json, en UTF-8 et sans Content-Encoding.',
    },
  ),
  'expectation-failed': problem(
    417,
    { en: 'Expectation failed', fr: 'Attente non satisfaite' },
    { en: 'Of Expect, only 100-continue is understood.', fr: 'De Expect, seul 100-continue est compris.' },
  ),
  'invalid-content': problem(
    422,
    { en: 'Invalid content', fr: 'Contenu invalide' },
    { en: 'See errors for what to change.', fr: 'Voir errors pour ce qu’il faut changer.' },
  ),
  'idempotency-key-reused': problem(
    422,
    { en: 'Idempotency-Key reused', fr: 'Idempotency-Key réutilisée' },
    {
      en: 'This Idempotency-Key came with other content before. Use a new key for new content.',
      fr: 'Cette Idempotency-Key accompagnait un autre contenu. Utilisez une nouvelle clé pour un nouveau contenu.',
    },
  ),
  'rate-limited': problem(
    429,
    { en: 'Too many requests', fr: 'Trop de requêtes' },
    { en: 'Slow down and try again later.', fr: 'Ralentissez et réessayez plus tard.' },
    quotaExceeded,
  ),
  'submitted-too-quickly': problem(
    429,
    { en: 'Too many requests', fr: 'Trop de requêtes' },
    {
      en: 'Form submitted too quickly. Please take your time filling the form.',
      fr: 'Formulaire envoyé trop vite. Prenez le temps de le remplir.',
    },
    'https://iana.org/assignments/http-problem-types#abnormal-usage-detected',
  ),
  'form-unavailable': problem(
    429,
    { en: 'Too many requests', fr: 'Trop de requêtes' },
    {
      en: 'This form cannot take submissions at the moment.',
      fr: 'Ce formulaire ne peut pas recevoir d’envois pour le moment.',
    },
  ),
  'mail-capped': problem(
    429,
    { en: 'Too many requests', fr: 'Trop de requêtes' },
    {
      en: 'This address gets no more of these mails for now.',
      fr: 'Cette adresse ne reçoit plus de tels messages pour le moment.',
    },
  ),
  'headers-too-large': problem(
    431,
    { en: 'Headers too large', fr: 'En-têtes trop volumineux' },
    { en: 'Send fewer or shorter header fields.', fr: 'Envoyez des en-têtes moins nombreux ou plus courts.' },
  ),
  'internal-error': problem(
    500,
    { en: 'Internal error', fr: 'Erreur interne' },
    {
      en: 'Something failed on our side. The request id finds it in our logs.',
      fr: 'Un incident est survenu de notre côté. L’identifiant de requête le retrouve dans nos journaux.',
    },
  ),
  'service-unavailable': problem(
    503,
    { en: 'Service unavailable', fr: 'Service indisponible' },
    {
      en: 'Try again in a moment, with the same Idempotency-Key if you sent one.',
      fr: 'Réessayez dans un instant, avec la même Idempotency-Key si vous en aviez envoyé une.',
    },
  ),
} as const satisfies Record<string, ProblemType>

/** The stable name of a problem, its `code` member. */
export type ProblemCode = keyof typeof problemTypes
