import type { Command } from 'commander'

/** What commander says of a command that was typed wrongly, in French. */
const faults: readonly (readonly [RegExp, string])[] = [
  [/^error: /, 'erreur : '],
  [/unknown option '(.*)'/, 'option inconnue « $1 »'],
  [/unknown command '(.*)'/, 'commande inconnue « $1 »'],
  [/missing required argument '(.*)'/, 'argument manquant : $1'],
  [/required option '(.*)' not specified/, 'option obligatoire absente : $1'],
  [/option '(.*)' argument missing/, 'valeur manquante pour l’option $1'],
  [
    /too many arguments for '(.*)'\. Expected (\d+) arguments? but got (\d+)/,
    'trop d’arguments pour « $1 » : $2 attendu(s), $3 reçu(s)',
  ],
  [/too many arguments\. Expected (\d+) arguments? but got (\d+)/, 'trop d’arguments : $1 attendu(s), $2 reçu(s)'],
  [/option '(.*)' argument '(.*)' is invalid\./, 'valeur « $2 » invalide pour l’option $1.'],
  [/command-argument value '(.*)' is invalid for argument '(.*)'\./, 'valeur « $1 » invalide pour l’argument $2.'],
  [/Allowed choices are (.*)\./, 'Choix possibles : $1.'],
  [/\(Did you mean (.*)\?\)/, '(Vouliez-vous dire $1 ?)'],
]

const titles: Readonly<Record<string, string>> = {
  'Usage:': 'Usage :',
  'Arguments:': 'Arguments :',
  'Options:': 'Options :',
  'Commands:': 'Commandes :',
}

/** Makes a program, and the commands added to it afterwards, speak French. */
export function speakFrench(program: Command): void {
  program
    .configureOutput({
      outputError: (text, write) => write(faults.reduce((said, [from, to]) => said.replace(from, to), text)),
    })
    .configureHelp({ styleTitle: (title) => titles[title] ?? title, styleOptionDescription: inFrench })
    .helpOption('-h, --help', 'affiche cette aide')
}

const inFrench = (about: string): string =>
  about
    .replace(/\(default: (.*)\)$/, '(par défaut : $1)')
    .replace(/\(choices: (.*?)(, default: (.*))?\)$/, choicesInFrench)

const choicesInFrench = (_all: string, choices: string, _more: unknown, standard: string | undefined): string =>
  `(choix : ${choices}${standard === undefined ? '' : `, par défaut : ${standard}`})`
