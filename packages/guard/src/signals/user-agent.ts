import { createRecentCache } from '../recent-cache.ts'

/**
 * What a User-Agent says of its sender. `crawler` is a bot that says whose it is, `bot` any other that
 * admits to being one, `tool` a command or an HTTP library, `outdated` a browser of 2019 or before, `unknown` a
 * text that names nothing known.
 */
export type UserAgentClass =
  | 'browser'
  | 'outdated'
  | 'unknown'
  | 'crawler'
  | 'bot'
  | 'tool'
  | 'headless'
  | 'empty'
  | 'malformed'

/** A class, how far it speaks against a person, and why. Frozen and shared between requests. */
export interface UserAgentReading {
  readonly class: UserAgentClass
  /** 0 (as a person's browser writes) to 100. */
  readonly score: number
  /** The word or the fault that decided, such as `python-requests` or `too-long`. */
  readonly reason: string
}

/** Beyond this no browser writes; nothing further is read. */
const LONGEST_USER_AGENT = 512
/** Distinct texts remembered by each of two generations. */
const REMEMBERED = 1_024

const scores: Readonly<Record<UserAgentClass, number>> = {
  browser: 0,
  outdated: 30,
  unknown: 40,
  crawler: 45,
  bot: 60,
  tool: 70,
  headless: 80,
  empty: 85,
  malformed: 90,
}

type Named = 'crawler' | 'bot' | 'tool' | 'headless'

/** Words that give a sender away wherever they stand, in lower case and without their version. */
const anywhere: Readonly<Record<Named, string>> = {
  crawler:
    'googlebot google-inspectiontool googleother adsbot-google mediapartners-google apis-google feedfetcher-google ' +
    'storebot-google google-read-aloud bingbot bingpreview adidxbot msnbot duckduckbot duckassistbot baiduspider yandexbot ' +
    'yandeximages yandexmobilebot applebot qwantify qwantbot seznambot petalbot exabot mojeekbot facebookexternalhit ' +
    'facebookcatalog meta-externalagent meta-externalfetcher twitterbot linkedinbot pinterestbot slackbot ' +
    'slackbot-linkexpanding slack-imgproxy discordbot telegrambot skypeuripreview redditbot ia_archiver archive_org_bot ' +
    'ccbot gptbot chatgpt-user oai-searchbot claudebot claude-user claude-searchbot anthropic-ai perplexitybot ' +
    'perplexity-user amazonbot bytespider mistralai-user semrushbot ahrefsbot ahrefssiteaudit mj12bot dotbot rogerbot ' +
    'dataforseobot serpstatbot uptimerobot datadogsynthetics newrelicpinger chrome-lighthouse w3c_validator',
  bot: 'bot robot crawler spider scraper',
  tool:
    'curl libcurl wget httpie libwww-perl www-mechanize python-requests python-urllib python-urllib3 python-httpx aiohttp ' +
    'pycurl scrapy go-http-client go-resty fasthttp apache-httpclient apache-httpasyncclient okhttp jsoup htmlunit ' +
    'rest-assured ktor-client reactornetty async-http-client typhoeus rest-client guzzlehttp zend_http_client node-fetch ' +
    'undici axios superagent node-superagent reqwest libsoup restsharp powershell windowspowershell winhttp winhttprequest ' +
    'cpp-httplib luasocket postmanruntime insomnia hoppscotch thunder-client k6 jmeter gatling locust apachebench autocannon ' +
    'masscan nmap zgrab nikto sqlmap nuclei wpscan gobuster dirbuster feroxbuster ffuf wfuzz acunetix nessus openvas ' +
    'burpcollaborator metasploit commix havij fimap jorgee l9explore l9tcpid httrack webcopier webzip',
  headless: 'headlesschrome phantomjs slimerjs puppeteer playwright selenium webdriver chromedriver casperjs testcafe',
}

/** Words that mean something else in a sentence or a telephone's name: only as a product (`java/17`) or as the first word. */
const asProduct: Readonly<Record<Named, string>> = {
  crawler: 'slurp yeti sogou whatsapp embedly pingdom statuscake site24x7 betterstack screaming',
  bot: 'crawl archiver fetcher scanner monitor monitoring checker',
  tool:
    'wget2 aria2 axel fetch lwp perl python httpx urllib urllib2 urllib3 requests mechanize treq niquests resty colly req ' +
    'java jakarta retrofit jersey unirest vertx jetty ruby faraday httparty excon php guzzle symfony node got needle request ' +
    'deno bun hyper ureq isahc surf attohttpc httpclient dart cpr poco boost elixir hackney finch mint erlang postman bruno ' +
    'paw wrk hey vegeta ab siege zmap dirb hydra arachni qualys burp teleport xmlrpc',
  headless: 'headless cypress zombie splash nightmare jsdom happydom rendertron prerender browserless',
}

/** Ends of a word that admit to a bot whatever comes before. */
const botEndings: readonly string[] = ['bot', 'spider', 'crawler', 'scraper']

/** Words with such an ending that are telephones and the like. */
const harmlessWords: ReadonlySet<string> = new Set(['cubot'])

/** Engines by the word that carries their version, and the first version of 2020. */
const engines: ReadonlyMap<string, number> = new Map([
  ['chrome', 80],
  ['crios', 80],
  ['chromium', 80],
  ['firefox', 72],
  ['fxios', 21],
  ['edg', 80],
  ['edge', 80],
  ['opr', 66],
  ['version', 13],
  ['applewebkit', 537],
  ['msie', 11],
  ['trident', 8],
])

const shared: Readonly<Record<'browser' | 'empty' | 'tooLong' | 'character' | 'brackets', UserAgentReading>> = {
  browser: reading('browser', 'browser'),
  empty: reading('empty', 'empty'),
  tooLong: reading('malformed', 'too-long'),
  character: reading('malformed', 'character'),
  brackets: reading('malformed', 'brackets'),
}

const byWord = readWords(anywhere)
const byProduct = readWords(asProduct)
const otherBot = reading('bot', 'bot')
const unknown = reading('unknown', 'unknown')

/**
 * Classes a `User-Agent` by the words it holds. Of several words the worst counts, so that no word added to a text
 * makes it look better. The text is a claim: it tells honest machines from people, and liars only through
 * `readHeaderHints`.
 *
 * Reads at most 512 characters, once from left to right, and remembers the last texts it was asked for.
 */
export function classifyUserAgent(userAgent: string | undefined): UserAgentReading {
  if (userAgent === undefined || userAgent === '') return shared.empty
  if (userAgent.length > LONGEST_USER_AGENT) return shared.tooLong
  const known = recent.get(userAgent)
  if (known !== undefined) return known
  const found = readUserAgent(userAgent)
  recent.set(userAgent, found)
  return found
}

const recent = createRecentCache<UserAgentReading>(REMEMBERED)

function reading(name: UserAgentClass, reason: string): UserAgentReading {
  return Object.freeze({ class: name, score: scores[name], reason })
}

function readWords(table: Readonly<Record<Named, string>>): ReadonlyMap<string, UserAgentReading> {
  const readings = new Map<string, UserAgentReading>()
  for (const name of ['crawler', 'bot', 'tool', 'headless'] as const) {
    for (const word of table[name].split(' ')) readings.set(word, reading(name, word))
  }
  return readings
}

function readUserAgent(userAgent: string): UserAgentReading {
  const fault = findFault(userAgent)
  if (fault !== undefined) return fault
  const text = userAgent.toLowerCase()
  let worst: UserAgentReading | undefined
  let engine: UserAgentReading | undefined
  let position = 0
  while (position < text.length) {
    const end = endOfWord(text, position)
    if (text.startsWith('://', end)) {
      position = endOfUrl(text, end)
      continue
    }
    if (end > position) {
      const word = text.slice(position, end)
      const isProduct = position === 0 || text.charCodeAt(end) === 47
      worst = worseOf(worst, judgeWord(word, isProduct))
      engine = worseOf(engine, judgeEngine(text, word, end))
    }
    position = end + 1
  }
  if (worst !== undefined) return worst
  if (userAgent.trim() === '') return shared.empty
  // Every browser since 1998 begins so, and names its engine.
  return engine !== undefined && text.startsWith('mozilla/') ? engine : unknown
}

function worseOf(one: UserAgentReading | undefined, other: UserAgentReading | undefined): UserAgentReading | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return other.score > one.score ? other : one
}

function judgeWord(word: string, isProduct: boolean): UserAgentReading | undefined {
  const listed = byWord.get(word) ?? (isProduct ? byProduct.get(word) : undefined)
  if (listed !== undefined) return listed
  return botEndings.some((ending) => word.endsWith(ending)) && !harmlessWords.has(word) ? otherBot : undefined
}

function judgeEngine(text: string, word: string, end: number): UserAgentReading | undefined {
  const least = engines.get(word)
  if (least === undefined) return undefined
  const version = readVersion(text, end)
  // An engine without a version is a word that anybody could write.
  if (version < 0) return undefined
  return version >= least ? shared.browser : reading('outdated', word)
}

/** The whole number behind `/` (or the space of `MSIE 9`), or -1. */
function readVersion(text: string, slash: number): number {
  const separator = text.charCodeAt(slash)
  if (separator !== 47 && separator !== 32) return -1
  let version = -1
  for (let position = slash + 1; position < Math.min(text.length, slash + 6); position += 1) {
    const digit = text.charCodeAt(position) - 48
    if (digit < 0 || digit > 9) break
    version = Math.max(version, 0) * 10 + digit
  }
  return version
}

/** The position behind an address, whose words say nothing: `+http://www.example.org/bot.html`. */
function endOfUrl(text: string, start: number): number {
  let position = start
  while (position < text.length && !urlEnds.has(text.charCodeAt(position))) position += 1
  return position
}

/** Space, brackets, comma and semicolon. */
const urlEnds: ReadonlySet<number> = new Set([32, 40, 41, 44, 59])

/** The position behind the run of letters, digits, `-` and `_` that starts here. */
function endOfWord(text: string, start: number): number {
  let position = start
  while (position < text.length && isWordCode(text.charCodeAt(position))) position += 1
  return position
}

function isWordCode(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 48 && code <= 57) || code === 45 || code === 95
}

/** What no software writes: control characters, text outside Latin-1, comments that are never closed. */
function findFault(text: string): UserAgentReading | undefined {
  let depth = 0
  for (let position = 0; position < text.length; position += 1) {
    const code = text.charCodeAt(position)
    if ((code < 32 && code !== 9) || code === 127 || code > 255) return shared.character
    if (code === 40) depth += 1
    else if (code === 41) depth -= 1
    if (depth < 0) return shared.brackets
  }
  return depth === 0 ? undefined : shared.brackets
}
