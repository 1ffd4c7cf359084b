import type { attackKinds } from '@rempart/server/isolation'
import { language } from '../words.ts'

const en = {
  prove: 'prove what this installation promises, on the installation itself',
  isolation:
    'attack every table and every endpoint from one tenant at another: 0 when nothing leaks, 1 on a leak, 2 when it could not be tried',
  noEndpoints: 'attack the tables alone; the endpoints take a throw-away database and some seconds',
  tables: (database: string) =>
    `Tables of PostgreSQL ${database}. Two marks in a cell: rempart_app, which serves, and rempart_worker, which runs jobs.`,
  legend:
    '✓ holds   ✗ leaks   ○ holds; the other tenant could have no row here, so what is stored was attacked   · not allowed or not tried',
  endpoints:
    'Endpoints of this release, on a server and a database of their own. Each is asked about an id of another tenant, and has to answer as about one that nobody has.',
  catalogue: 'Privileges, policies and functions of the database:',
  asMeant: 'as they must be',
  headings: {
    table: 'TABLE',
    kinds: {
      read: 'READ',
      lock: 'LOCK',
      update: 'UPDATE',
      delete: 'DELETE',
      insert: 'INSERT',
      truncate: 'TRUNCATE',
      'without-tenant': 'NO TENANT',
    } satisfies Record<(typeof attackKinds)[number], string>,
    operation: 'OPERATION',
    id: 'ID',
    'api-key': 'API KEY',
    owner: 'OWNER',
  },
  places: { path: 'path', query: 'query', body: 'body' },
  leak: 'LEAK',
  tableLeak: (role: string, table: string, attack: string, outcome: string) =>
    `${table}: ${role} ${attack} (${outcome})`,
  endpointLeak: (holder: string, operation: string, name: string, status: number) =>
    `${operation}: the ${holder} can tell an id of another tenant as "${name}" (${status})`,
  whole: (attacks: number, tables: number, calls: number) =>
    `No leak: ${attacks} attacks on ${tables} tables${calls === 0 ? '' : `, ${calls} ids of another tenant at the API`}.`,
  leaking: (leaks: number) => `${leaks === 1 ? '1 leak' : `${leaks} leaks`}. Take the installation off the network.`,
  endpointsFailed: 'The endpoints could not be attacked. With --no-endpoints the tables alone are.',
  stopped: 'Stopped. The two tenants of the proof are gone.',
}

const fr: typeof en = {
  prove: 'prouve ce que promet cette installation, sur l’installation même',
  isolation:
    'attaque chaque table et chaque opération d’un locataire vers un autre : 0 si rien ne fuit, 1 s’il y a une fuite, 2 si l’essai n’a pu se faire',
  noEndpoints: 'n’attaque que les tables ; les opérations demandent une base jetable et quelques secondes',
  tables: (database) =>
    `Tables de PostgreSQL ${database}. Deux marques par case : rempart_app, qui sert, et rempart_worker, qui travaille en tâche de fond.`,
  legend:
    '✓ tient   ✗ fuit   ○ tient ; l’autre locataire ne pouvait rien avoir ici, l’attaque visait ce qui est stocké   · interdit ou non tenté',
  endpoints:
    'Opérations de cette version, sur un serveur et une base à elles. Chacune est interrogée sur l’id d’un autre locataire, et doit répondre comme pour un id que personne n’a.',
  catalogue: 'Privilèges, politiques et fonctions de la base :',
  asMeant: 'comme il se doit',
  headings: {
    table: 'TABLE',
    kinds: {
      read: 'LIRE',
      lock: 'VERROU',
      update: 'MODIFIER',
      delete: 'SUPPRIMER',
      insert: 'INSÉRER',
      truncate: 'VIDER',
      'without-tenant': 'SANS LOCATAIRE',
    },
    operation: 'OPÉRATION',
    id: 'ID',
    'api-key': 'CLÉ D’API',
    owner: 'PROPRIÉTAIRE',
  },
  places: { path: 'chemin', query: 'requête', body: 'corps' },
  leak: 'FUITE',
  tableLeak: (role, table, attack, outcome) => `${table} : ${role} ${attack} (${outcome})`,
  endpointLeak: (holder, operation, name, status) =>
    `${operation} : avec « ${holder} », l’id « ${name} » d’un autre locataire se distingue (${status})`,
  whole: (attacks, tables, calls) =>
    `Aucune fuite : ${attacks} attaques sur ${tables} tables${calls === 0 ? '' : `, ${calls} ids d’un autre locataire à l’API`}.`,
  leaking: (leaks) => `${leaks === 1 ? '1 fuite' : `${leaks} fuites`}. Retirez l’installation du réseau.`,
  endpointsFailed: 'Les opérations n’ont pu être attaquées. Avec --no-endpoints, seules les tables le sont.',
  stopped: 'Arrêté. Les deux locataires de la preuve ont disparu.',
}

/** What `rempart prove` says, in the language of the terminal. */
export const proveWords = language === 'fr' ? fr : en
