import { readDigits } from './bytes.ts'

/** Length of `17/May/2015:10:05:03 +0000`. */
export const COMMON_TIME_LENGTH = 26

/** 2000-01-01 and 2068-01-01: a clock is beyond them only when it is not set. Seconds from the first on fit 31 bits. */
export const FIRST_SECOND = 946_684_800
export const LAST_SECOND = 3_092_601_600

/** Where a time was read into. */
export interface LogTime {
  second: number
  milli: number
  zoneMinutes: number
}

/** Where the words of `17/May/2015:10:05:` and of ` +0000` begin, the seconds between them left out. */
const wordPlaces = [14, 10, 6, 2, 0, 20, 22] as const

/**
 * Builds the reader of `17/May/2015:10:05:03 +0000`. Lines of one minute share all but their seconds, so the rest is
 * turned into a time once a minute.
 *
 * @returns A function that writes into `time`; false for what is no time.
 */
export function createCommonTimeReader(): (bytes: Buffer, view: DataView, start: number, time: LogTime) => boolean {
  const known = new Int32Array(wordPlaces.length)
  let minuteSecond = 0
  let zoneMinutes = 0

  const isKnown = (view: DataView, start: number): boolean =>
    // The minute first: it is what changes.
    view.getInt32(start + 14, true) === known[0] &&
    view.getInt32(start + 10, true) === known[1] &&
    view.getInt32(start + 6, true) === known[2] &&
    view.getInt32(start + 2, true) === known[3] &&
    view.getInt32(start, true) === known[4] &&
    view.getInt32(start + 20, true) === known[5] &&
    view.getInt32(start + 22, true) === known[6]

  const learn = (bytes: Buffer, view: DataView, start: number): boolean => {
    const text = String.fromCharCode(...bytes.subarray(start, start + COMMON_TIME_LENGTH))
    const parts = commonTime.exec(text)
    if (parts === null) return false
    const [, day, monthName = '', year, hour, minute, sign, zoneHours, zoneRest] = parts
    const month = months.indexOf(monthName.toLowerCase())
    const zone = (Number(zoneHours) * 60 + Number(zoneRest)) * (sign === '-' ? -1 : 1)
    const at = utcSecond(Number(year), month + 1, Number(day), Number(hour), Number(minute))
    if (at < 0) return false
    for (const [index, place] of wordPlaces.entries()) known[index] = view.getInt32(start + place, true)
    minuteSecond = at - zone * 60
    zoneMinutes = zone
    return true
  }

  return (bytes, view, start, time) => {
    if (start + COMMON_TIME_LENGTH > bytes.length) return false
    const tens = (bytes[start + 18] ?? 0) - 48
    const ones = (bytes[start + 19] ?? 0) - 48
    // 60 is a leap second.
    if (tens < 0 || tens > 6 || ones < 0 || ones > 9) return false
    if (!(isKnown(view, start) || learn(bytes, view, start))) return false
    time.second = minuteSecond + tens * 10 + ones
    time.milli = 0
    time.zoneMinutes = zoneMinutes
    return true
  }
}

const commonTime = /^(\d\d)\/([A-Za-z]{3})\/(\d{4}):(\d\d):(\d\d):\d\d ([+-])(\d\d)(\d\d)$/
const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']

/**
 * Builds the reader of a date `2015-05-17` and a time `10:05:03` or `10:05:03.123456Z`, both in UTC and not necessarily
 * side by side. The date is turned into a time once a day.
 */
export function createIsoTimeReader(): (
  bytes: Buffer,
  date: number,
  clock: number,
  end: number,
  time: LogTime,
) => boolean {
  const known = new Uint8Array(10)
  let daySecond = 0

  const isKnown = (bytes: Buffer, start: number): boolean => {
    for (let index = 9; index >= 0; index -= 1) if (bytes[start + index] !== known[index]) return false
    return true
  }
  const learn = (bytes: Buffer, start: number): boolean => {
    const year = readDigits(bytes, start, start + 4)
    const month = readDigits(bytes, start + 5, start + 7)
    const day = readDigits(bytes, start + 8, start + 10)
    if (bytes[start + 4] !== 45 || bytes[start + 7] !== 45 || year < 0) return false
    const at = utcSecond(year, month, day, 0, 0)
    if (at < 0) return false
    known.set(bytes.subarray(start, start + 10))
    daySecond = at
    return true
  }
  return (bytes, date, clock, end, time) => {
    const hour = readDigits(bytes, clock, clock + 2)
    const minute = readDigits(bytes, clock + 3, clock + 5)
    const second = readDigits(bytes, clock + 6, clock + 8)
    if (end < clock + 8 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return false
    if (bytes[clock + 2] !== 58 || bytes[clock + 5] !== 58) return false
    if (!(isKnown(bytes, date) || learn(bytes, date))) return false
    time.second = daySecond + hour * 3_600 + minute * 60 + second
    time.milli = readMillis(bytes, clock + 8, end)
    time.zoneMinutes = 0
    return true
  }
}

/** The milliseconds of a fraction that may stand behind the seconds. */
function readMillis(bytes: Buffer, start: number, end: number): number {
  if (bytes[start] !== 46) return 0
  let milli = 0
  for (let index = 1; index <= 3; index += 1) {
    const digit = start + index < end ? (bytes[start + index] ?? 0) - 48 : 0
    milli = milli * 10 + (digit >= 0 && digit <= 9 ? digit : 0)
  }
  return milli
}

/** Unix seconds of a minute in UTC, or -1 where there is no such day from {@link FIRST_SECOND} on. */
function utcSecond(year: number, month: number, day: number, hour: number, minute: number): number {
  if (!(year >= 2000 && year < 2068 && hour < 24 && minute < 60)) return -1
  const at = Date.UTC(year, month - 1, day, hour, minute)
  const date = new Date(at)
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? at / 1_000 : -1
}
