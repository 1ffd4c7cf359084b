/**
 * What one line of a log says, as places in the chunk of bytes it stands in. One object serves every line; a parser
 * writes all of it.
 */
export interface LogLine {
  /** Unix time, whole seconds. */
  second: number
  /** The rest of the time in milliseconds, 0 where the log tells seconds only. */
  milli: number
  /** What the log's clock is ahead of UTC, in minutes. */
  zoneMinutes: number
  addressStart: number
  addressEnd: number
  methodStart: number
  methodEnd: number
  /** The path, its query left out. */
  pathStart: number
  pathEnd: number
  /** 100 to 999; 0 where the log does not tell. */
  status: number
  /** Whether the request named the page it came from. */
  hasReferrer: boolean
  /** Equal places where the log has no User-Agent or an empty one. */
  agentStart: number
  agentEnd: number
  /** Whether the log has a place for the User-Agent at all. */
  hasAgent: boolean
  /** What the client is said to be by the header that proxies add; equal places where the line has none. */
  forwardedStart: number
  forwardedEnd: number
}

/** Why a line is not one of its format. */
export type BadLine = 'address' | 'time' | 'request' | 'status' | 'shape' | 'too-long'

/**
 * What a parser makes of a line: `line`; `aside` for what is no request and no fault (a directive);
 * `no-request` for a connection that was logged without a request that can be read; otherwise why it is bad.
 */
export type Parsed = 'line' | 'aside' | 'no-request' | BadLine

/**
 * Reads one line of a format between two places, not blank, the line break left out. It may remember what the next line
 * shares.
 *
 * @param view - The same bytes.
 */
export type LineParser = (bytes: Buffer, start: number, end: number, line: LogLine, view: DataView) => Parsed

/**
 * The formats that are read. `combined` is Apache's and nginx's own, with or without its last two fields; `vhost` the same
 * behind a host name; `w3c` CloudFront's and that of IIS; `alb` and `s3` Amazon's.
 */
export type LogFormatName = 'combined' | 'vhost' | 'caddy' | 'w3c' | 'alb' | 's3'

/** A line that says nothing yet. */
export function createLogLine(): LogLine {
  return {
    second: 0,
    milli: 0,
    zoneMinutes: 0,
    addressStart: 0,
    addressEnd: 0,
    methodStart: 0,
    methodEnd: 0,
    pathStart: 0,
    pathEnd: 0,
    status: 0,
    hasReferrer: false,
    agentStart: 0,
    agentEnd: 0,
    hasAgent: false,
    forwardedStart: 0,
    forwardedEnd: 0,
  }
}
