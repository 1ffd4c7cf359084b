/** What reading one raw setting gave: its value, or what is wrong with it (a phrase that follows the setting's name). */
export type Parsed<T> = { readonly value: T } | { readonly fault: string }
