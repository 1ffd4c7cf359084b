/** By what a browser calls itself; the first that fits. Edge and Opera also say Chrome, Chrome also says Safari. */
const browsers: readonly (readonly [RegExp, string])[] = [
  [/\bEdg(?:A|iOS)?\//, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\bFirefox\/|\bFxiOS\//, 'Firefox'],
  [/\bChrome\/|\bCriOS\//, 'Chrome'],
  [/\bSafari\//, 'Safari'],
  [/\bcurl\//, 'curl'],
]

const systems: readonly (readonly [RegExp, string])[] = [
  [/\biPhone\b/, 'iPhone'],
  [/\biPad\b/, 'iPad'],
  [/\bAndroid\b/, 'Android'],
  [/\bWindows\b/, 'Windows'],
  [/\bMac OS X\b/, 'macOS'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bLinux\b/, 'Linux'],
]

/**
 * What a person calls the device of a session: "Firefox, Linux". Of the User-Agent nothing else is kept unencrypted.
 *
 * @returns null when the device says nothing that is known.
 */
export function deviceLabel(userAgent: string | undefined): string | null {
  if (userAgent === undefined) return null
  const known = [nameOf(browsers, userAgent), nameOf(systems, userAgent)].filter((name) => name !== undefined)
  return known.length === 0 ? null : known.join(', ')
}

const nameOf = (names: readonly (readonly [RegExp, string])[], userAgent: string): string | undefined =>
  names.find(([pattern]) => pattern.test(userAgent))?.[1]
