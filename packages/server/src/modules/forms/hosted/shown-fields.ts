import { calendarDay } from '../../../core/shapes/time-zone.ts'
import type { CompiledForm } from '../definition/compile.ts'
import { type EvaluationMoment, evaluateAnswers } from '../definition/evaluate.ts'

/** The names of the fields that these answers show: those without a condition, and those whose condition holds. */
export function shownFields(
  form: CompiledForm,
  answers: Readonly<Record<string, unknown>>,
  at: EvaluationMoment,
): ReadonlySet<string> {
  const { values } = evaluateAnswers(form, answers, at)
  const read = form.fields.map(({ name }) => (Object.hasOwn(values, name) ? values[name] : undefined))
  const today = form.needsToday ? calendarDay(at.nowMs, at.timeZone) : ''
  return new Set(form.fields.filter(({ isShown }) => isShown?.(read, today) ?? true).map(({ name }) => name))
}
