/** Languages the command speaks to people. */
export type Language = 'en' | 'fr'

/** French where the terminal's locale says so, else English. @see POSIX.1-2024 XBD §8.2 for the precedence */
export function terminalLanguage(environment: Readonly<Record<string, string | undefined>> = process.env): Language {
  const locale = [environment['LC_ALL'], environment['LC_MESSAGES'], environment['LANG']].find((each) => each)
  return locale?.toLowerCase().startsWith('fr') === true ? 'fr' : 'en'
}
