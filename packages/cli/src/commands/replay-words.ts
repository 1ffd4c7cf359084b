import { language } from '../words.ts'

/** What `rempart replay` says, besides the words of its report. */
const english = {
  about: 'try a policy on access logs: who would have been refused, by which rule, and who of them looks human',
  logs: 'access logs, plain, gzip or zstd; - for standard input',
  options: {
    policy: 'policy file to try (default: REMPART_POLICY_FILE, else none)',
    compare: 'second policy file: who is refused by one and not by the other',
    suggest: 'suggest the limit of each rule that refuses at most this share of its clients, such as 0.1%',
    format: 'format of the logs (default: told by their first lines)',
    reorder: 'how far lines may be out of order, such as 60s or 5m',
    trustedProxy: 'proxy whose X-Forwarded-For in the log is believed: an address or a CIDR block; may be repeated',
    alone: 'without the policies of the server’s own routes: as in the gateway and the library',
    top: 'clients in each list',
    showAddresses: 'name clients by their whole addresses',
    html: 'write the report as one page, for people',
    language: 'language of the page (default: that of the terminal)',
    json: 'print JSON, for programs',
  },
  expected: {
    share: 'a share such as 0.1% or 0.001',
    reorder: 'a duration of at most 1h, such as 60s or 5m',
    proxy: 'an address or a CIDR block',
  },
  headings: {
    rule: 'RULE',
    says: 'SAYS',
    requests: 'REQUESTS',
    refused: 'REFUSED',
    clients: 'CLIENTS',
    refusedClients: 'REFUSED CLIENTS',
    client: 'CLIENT',
    looks: 'LOOKS',
    why: 'WHY',
    reached: 'REACHED',
    limit: 'LIMIT',
  },
  titles: {
    rules: 'Rules',
    refused: 'Who would have been refused',
    near: 'Near misses',
    suggested: 'Suggested limits',
    onlyBy: (name: string, count: string) => `Refused only by ${name}: ${count}`,
  },
  read: (requests: string, lines: string, from: string, to: string) =>
    `${requests} requests in ${lines} lines, ${from} to ${to}`,
  more: (count: string) => `… and ${count} more; see --top, --html or --json`,
  shadow: '(shadow)',
  unjudged: (rule: string, why: string) => `${rule} is left out: ${why}.`,
  stopped: 'Stopped: these are the results so far.',
  cutOff: (file: string) => `${file} is cut off or damaged: what could be read of it counts.`,
  noLog: 'None of the lines is of a known format. Name it with --format, or look at the shape of the first ones:',
  written: (file: string) => `The report is in ${file}.`,
  stdinTwice: 'Standard input can be read once only.',
  progress: (lines: string, rate: string) => `${lines} lines  ${rate}/s`,
  left: (time: string) => `  ${time} left`,
}

type ReplayWords = typeof english

const french: ReplayWords = {
  about:
    'essaie une politique sur des journaux d’accès : qui aurait été refusé, par quelle règle, et qui d’entre eux a l’air humain',
  logs: 'journaux d’accès, en clair, gzip ou zstd ; - pour l’entrée standard',
  options: {
    policy: 'fichier de politique à essayer (par défaut : REMPART_POLICY_FILE, sinon aucun)',
    compare: 'second fichier de politique : qui est refusé par l’un et pas par l’autre',
    suggest: 'suggère pour chaque règle la limite qui refuse au plus cette part de ses clients, par exemple 0.1%',
    format: 'format des journaux (par défaut : selon leurs premières lignes)',
    reorder: 'jusqu’où les lignes peuvent être dans le désordre, par exemple 60s ou 5m',
    trustedProxy: 'proxy dont le X-Forwarded-For du journal est cru : une adresse ou un bloc CIDR ; peut être répétée',
    alone: 'sans les politiques des routes du serveur : comme dans la passerelle et la bibliothèque',
    top: 'clients dans chaque liste',
    showAddresses: 'nomme les clients par leur adresse entière',
    html: 'écrit le rapport en une page, pour des personnes',
    language: 'langue de la page (par défaut : celle du terminal)',
    json: 'affiche du JSON, pour les programmes',
  },
  expected: {
    share: 'une part telle que 0.1% ou 0.001',
    reorder: 'une durée d’au plus 1h, telle que 60s ou 5m',
    proxy: 'une adresse ou un bloc CIDR',
  },
  headings: {
    rule: 'RÈGLE',
    says: 'DIT',
    requests: 'REQUÊTES',
    refused: 'REFUSÉES',
    clients: 'CLIENTS',
    refusedClients: 'CLIENTS REFUSÉS',
    client: 'CLIENT',
    looks: 'ALLURE',
    why: 'POURQUOI',
    reached: 'ATTEINT',
    limit: 'LIMITE',
  },
  titles: {
    rules: 'Règles',
    refused: 'Qui aurait été refusé',
    near: 'Passés de justesse',
    suggested: 'Limites suggérées',
    onlyBy: (name, count) => `Refusés seulement par ${name} : ${count}`,
  },
  read: (requests, lines, from, to) => `${requests} requêtes en ${lines} lignes, du ${from} au ${to}`,
  more: (count) => `… et ${count} de plus ; voir --top, --html ou --json`,
  shadow: '(observation)',
  unjudged: (rule, why) => `${rule} est laissée de côté : ${why}.`,
  stopped: 'Arrêté : voici les résultats jusque-là.',
  cutOff: (file) => `${file} est coupé ou abîmé : ce qui a pu en être lu compte.`,
  noLog: 'Aucune ligne n’est d’un format connu. Nommez-le avec --format, ou regardez la forme des premières lignes :',
  written: (file) => `Le rapport est dans ${file}.`,
  stdinTwice: 'L’entrée standard ne se lit qu’une fois.',
  progress: (lines, rate) => `${lines} lignes  ${rate}/s`,
  left: (time) => `  encore ${time}`,
}

/** The words of this terminal's language. */
export const replayWords: ReplayWords = language === 'fr' ? french : english
