import { caddy } from './caddy.ts'
import { pixel } from './pixel.ts'
import { platform } from './platform.ts'
import type { Preset } from './preset.ts'
import { publicForms } from './public-forms.ts'

/** The name of a preset: what `extends` of a policy file may say. */
export type PresetName = 'pixel' | 'caddy' | 'public-forms' | 'platform'

/** Every preset by name. */
export const presets: Readonly<Record<PresetName, Preset>> = { pixel, caddy, 'public-forms': publicForms, platform }

/** The names of the presets, in the order messages list them. */
export const presetNames: readonly PresetName[] = ['pixel', 'caddy', 'public-forms', 'platform']
