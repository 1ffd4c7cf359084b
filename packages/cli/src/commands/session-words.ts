import { language } from '../words.ts'

const en = {
  session: 'end sessions of people, on every server at once',
  end: 'end every session of somebody, or of everybody in the tenant; they may sign in again',
  user: 'address or id of the person, who gets a mail',
  everybody: 'everybody in the tenant; nobody gets a mail',
  oneOfTwo: 'Say whose sessions: --user <account>, or --everybody.',
  ended: (sessions: number, who: string) => `Sessions of ${who} that ended: ${sessions}.`,
  endedAll: (sessions: number, people: number, tenant: string) =>
    `Sessions that ended in the tenant "${tenant}": ${sessions}, of people: ${people}. API keys go on.`,
}

const fr: typeof en = {
  session: 'ferme des sessions de personnes, sur tous les serveurs à la fois',
  end: 'ferme toutes les sessions d’une personne, ou de toutes celles de l’organisation ; elles peuvent se reconnecter',
  user: 'adresse ou identifiant de la personne, qui reçoit un courriel',
  everybody: 'toutes les personnes de l’organisation ; aucune ne reçoit de courriel',
  oneOfTwo: 'Dites de qui : --user <compte>, ou --everybody.',
  ended: (sessions, who) => `Sessions de ${who} qui ont été fermées : ${sessions}.`,
  endedAll: (sessions, people, tenant) =>
    `Sessions fermées dans l’organisation « ${tenant} » : ${sessions}, de personnes : ${people}. Les clés d’API restent valables.`,
}

/** What the commands about sessions say. */
export const sessionWords = language === 'fr' ? fr : en
