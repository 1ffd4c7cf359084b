import { createHash } from 'node:crypto'

/**
 * The counting of a Redis store, in Lua 5.1 for Redis 7 and Valkey. One call decides many requests, each
 * all or nothing; everything in it is a whole number. Times are the server's, in milliseconds (a
 * theoretical arrival time in microseconds), and a stored time that lies further ahead than the policy
 * allows is drawn back, so that a step of the server's clock locks nobody out for longer than the window.
 *
 * `args[1]` is a row of operations, as `redis-batch.ts` writes them, each of 4 digits of 7 bits: flags,
 * the counter's place, the key's place in two. Flags: 1 the request's last one, 2 enforced, 4 solved,
 * 8 followed by 10 digits (5 of cost, 4 of units to pay ahead, 1 of the mode), 16 takes the next name.
 * `args[2]` is how many counters follow, then the counters, then the names.
 *
 * Counters: shape, capacity, window, cooldown, time to live, whether attempts are charged, then the
 * cell of a window, the interval of a rate in µs, or the attempts of a ladder before its challenge (−1
 * for never), how far ahead a time may lie, and the rows of a ladder in pairs.
 *
 * The answer holds for each operation: used × 8 + fits + charged × 2 + cooling × 4, then the
 * milliseconds until a unit is given back, then, when it does not fit, until it would (−1 for never), then, when units
 * were to be paid ahead, how many were.
 */
const counting = `
-- While a library is loaded there is no standard library yet: the first call looks it up.
local floor, ceil, max, min, byte, sub, concat, gmatch, pack, read, call
local function lookUp()
  floor, ceil, max, min = math.floor, math.ceil, math.max, math.min
  byte, sub, concat, gmatch = string.byte, string.sub, table.concat, string.gmatch
  pack, read, call = struct.pack, struct.unpack, redis.call
end

local WINDOW, RATE, LADDER, SLOTS = 1, 2, 3, 4
local TAKE, RESERVE, CONFIRM, CANCEL = 0, 1, 2, 3
-- A window: holds, end of the cooldown, units, time and units of the newest entry; older entries; holds.
local WINDOW_HEAD, WINDOW_BYTES = '<I1I6I5I6I5', 23
local ENTRY, ENTRY_BYTES, MOST_OLDER = '<I6I5', 11, 31
-- A rate: holds, end of the cooldown, theoretical arrival time; holds.
local RATE_HEAD, RATE_BYTES = '<I1I6I7', 14
-- A ladder: attempts, time of the last.
local LADDER_HEAD = '<I5I6'
-- Units held for a request that is decided in several lanes: until when, how many, for whom.
local HOLD, HOLD_BYTES, HOLD_NAME = '<I6I5c16', 27, 16
local HOLD_MS, MOST_HOLDS = 1000, 255

local now, nowUs
-- By the key's place in the call. A rate keeps its arrival time in total, a ladder its attempts. The tables serve
-- every call, for growing them anew costs as much as the counting; opened and changed hold the call's number.
local keys, values, places, calls = nil, nil, {}, 0
local opened, changed, cool, total, newest, newestUnits, oldest, older, holds = {}, {}, {}, {}, {}, {}, {}, {}, {}
-- By the operation's place in its request.
local opKey, opCounter, opFlags, opCost, opAhead, opName, opFits, opWait, opCooling, opSoft = {}, {}, {}, {}, {}, {}, {}, {}, {}, {}

local counters, known = {}, 0

local function counterOf(text)
  local counter = counters[text]
  if counter then return counter end
  counter = {}
  for number in gmatch(text, '-?%d+') do
    counter[#counter + 1] = tonumber(number)
    -- A number given to a command is formatted as a float each time.
    if #counter == 5 then counter.liveMs = number end
  end
  if known >= 1000 then counters, known = {}, 0 end
  counters[text], known = counter, known + 1
  return counter
end

local function drawWindowBack(i, counter)
  if newest[i] > now + counter[8] then
    local entries, text = {}, older[i]
    for at = 1, #text, ENTRY_BYTES do
      local time, units = read(ENTRY, text, at)
      entries[#entries + 1] = pack(ENTRY, min(time, now), units)
    end
    older[i], newest[i], oldest[i] = concat(entries), now, min(oldest[i], now)
    changed[i] = counter
  end
  if counter[4] > 0 and cool[i] > now + counter[4] then
    cool[i], changed[i] = now + counter[4], counter
  end
end

local function openWindow(i, counter)
  local value = values[i]
  holds[i] = ''
  if not value then
    cool[i], total[i], newest[i], newestUnits[i], oldest[i], older[i] = 0, 0, 0, 0, 0, ''
    return
  end
  local held
  held, cool[i], total[i], newest[i], newestUnits[i] = read(WINDOW_HEAD, value)
  local last = #value - held * HOLD_BYTES
  if held > 0 then holds[i] = sub(value, last + 1) end
  if last > WINDOW_BYTES then
    older[i], oldest[i] = sub(value, WINDOW_BYTES + 1, last), (read('<I6', value, WINDOW_BYTES + 1))
  else
    older[i], oldest[i] = '', newest[i]
  end
  if newest[i] > now or cool[i] > now then drawWindowBack(i, counter) end
end

local function openRate(i, counter)
  local value = values[i]
  holds[i] = ''
  if not value then
    cool[i], total[i] = 0, 0
    return
  end
  local held
  held, cool[i], total[i] = read(RATE_HEAD, value)
  if held > 0 then holds[i] = sub(value, RATE_BYTES + 1) end
  local most = nowUs + counter[2] * counter[7]
  if total[i] > most then total[i], changed[i] = most, counter end
  if counter[4] > 0 and cool[i] > now + counter[4] then cool[i], changed[i] = now + counter[4], counter end
end

local function openLadder(i, counter)
  if not values[i] then
    total[i], newest[i] = 0, 0
    return
  end
  total[i], newest[i] = read(LADDER_HEAD, values[i])
  if newest[i] > now then newest[i], changed[i] = now, counter end
end

local function open(i, counter)
  if opened[i] == calls then return end
  opened[i], changed[i] = calls, false
  local shape = counter[1]
  if shape == WINDOW then openWindow(i, counter)
  elseif shape == RATE then openRate(i, counter)
  elseif shape == LADDER then openLadder(i, counter) end
end

-- Units held now, and until when the longest of them is; drops what has expired.
local function heldUnits(i)
  local text, units, last, kept = holds[i], 0, 0, ''
  for at = 1, #text, HOLD_BYTES do
    local till, count = read(HOLD, text, at)
    if till > now then
      units, last = units + count, max(last, min(till, now + HOLD_MS))
      kept = kept .. sub(text, at, at + HOLD_BYTES - 1)
    end
  end
  holds[i] = kept
  return units, last - now
end

local function dropHold(i, name)
  local text = holds[i]
  for at = 1, #text, HOLD_BYTES do
    local till, _, owner = read(HOLD, text, at)
    if owner == name then
      holds[i] = sub(text, 1, at - 1) .. sub(text, at + HOLD_BYTES)
      return till > now
    end
  end
  return false
end

local function prune(i, window)
  local text, at, units, limit = older[i], 1, total[i], now - window
  local size = #text
  while at <= size do
    local time, count = read(ENTRY, text, at)
    if time > limit then
      if at > 1 then older[i], oldest[i], total[i] = sub(text, at), time, units end
      return
    end
    units, at = units - count, at + ENTRY_BYTES
  end
  older[i] = ''
  if newest[i] > limit then
    oldest[i], total[i] = newest[i], newestUnits[i]
  else
    total[i], newestUnits[i] = 0, 0
  end
end

-- Milliseconds until so many units have left the window.
local function untilFreed(i, window, units)
  local text = older[i]
  for at = 1, #text, ENTRY_BYTES do
    local time, count = read(ENTRY, text, at)
    units = units - count
    if units <= 0 then return time + window - now end
  end
  return newest[i] + window - now
end

local function cooldownLeft(i, counter)
  return counter[4] > 0 and max(0, cool[i] - now) or 0
end

-- Whether it fits, the wait, whether it cools, and whether only units that are held stand in the way.
local function readWindow(i, counter, cost)
  local window, limit = counter[3], counter[2]
  if total[i] > 0 and oldest[i] + window <= now then prune(i, window) end
  local cooling = cooldownLeft(i, counter)
  local wanted = total[i] + cost
  if wanted <= limit and cooling == 0 then
    if holds[i] == '' then return true, 0, false, false end
    local held, left = heldUnits(i)
    if wanted + held <= limit then return true, 0, false, false end
    return false, max(1, left), false, true
  end
  if cost > limit then return false, -1, cooling > 0, false end
  if wanted > limit then return false, max(cooling, untilFreed(i, window, wanted - limit)), cooling > 0, false end
  return false, cooling, true, false
end

local function readRate(i, counter, cost)
  local interval, capacity = counter[7], counter[2]
  local debt = max(0, total[i] - nowUs)
  local cooling = cooldownLeft(i, counter)
  if cost > capacity then return false, -1, cooling > 0, false end
  local excess = debt + (cost - capacity) * interval
  if excess <= 0 and cooling == 0 then
    if holds[i] == '' then return true, 0, false, false end
    local held, left = heldUnits(i)
    if excess + held * interval <= 0 then return true, 0, false, false end
    return false, max(1, left), false, true
  end
  return false, max(cooling, ceil(excess / 1000)), cooling > 0, false
end

local function waitAfter(counter, attempts)
  local wait = 0
  for row = 9, #counter, 2 do
    if counter[row] > attempts then break end
    wait = counter[row + 1]
  end
  return wait
end

local function readLadder(i, counter, solved)
  if total[i] > 0 and now >= newest[i] + waitAfter(counter, total[i]) + counter[3] then total[i] = 0 end
  if total[i] == 0 then return solved or counter[7] ~= 0, 0, false, false end
  local wait = newest[i] + waitAfter(counter, total[i]) - now
  if wait > 0 then return false, wait, false, false end
  return solved or counter[7] < 0 or total[i] < counter[7], 0, false, false
end

local function firstScore(key, place)
  local found = call('ZRANGE', key, place, place, 'WITHSCORES')
  return found[2] and tonumber(found[2])
end

local function readSlots(i, counter)
  local key, most = keys[i], now + counter[3]
  call('ZREMRANGEBYSCORE', key, '-inf', now)
  local held = call('ZCARD', key)
  if held > 0 and firstScore(key, -1) > most then
    for _, name in ipairs(call('ZRANGEBYSCORE', key, '(' .. most, '+inf')) do call('ZADD', key, most, name) end
  end
  total[i] = held
  newest[i] = held > 0 and firstScore(key, 0) or 0
  if held < counter[2] then return true, 0, false, false end
  return false, max(1, newest[i] - now), false, false
end

local function readOperation(op)
  local i, counter = opKey[op], opCounter[op]
  local shape = counter[1]
  open(i, counter)
  if shape == WINDOW then return readWindow(i, counter, opCost[op])
  elseif shape == RATE then return readRate(i, counter, opCost[op])
  elseif shape == LADDER then return readLadder(i, counter, opFlags[op] % 8 >= 4)
  else return readSlots(i, counter) end
end

local function addToWindow(i, counter, units, time)
  if total[i] == 0 then
    total[i], newest[i], newestUnits[i], oldest[i], older[i] = units, time, units, time, ''
  else
    local last = newest[i]
    total[i] = total[i] + units
    if last >= time - time % counter[7] or #older[i] >= MOST_OLDER * ENTRY_BYTES then
      newest[i], newestUnits[i] = max(last, time), newestUnits[i] + units
      if older[i] == '' then oldest[i] = newest[i] end
    else
      older[i] = older[i] .. pack(ENTRY, last, newestUnits[i])
      newest[i], newestUnits[i] = time, units
    end
  end
  changed[i] = counter
end

local function addHolder(i, counter, name, untilMs)
  call('ZADD', keys[i], untilMs, name)
  call('PEXPIRE', keys[i], counter.liveMs)
  total[i] = total[i] + 1
  newest[i] = newest[i] == 0 and untilMs or min(newest[i], untilMs)
end

local function charge(op)
  local i, counter, cost = opKey[op], opCounter[op], opCost[op]
  local shape = counter[1]
  if shape == WINDOW then
    addToWindow(i, counter, cost, now)
  elseif shape == RATE then
    total[i], changed[i] = max(total[i], nowUs) + cost * counter[7], counter
  elseif shape == LADDER then
    total[i], newest[i], changed[i] = min(total[i] + 1, 4294967295), now, counter
  else
    addHolder(i, counter, opName[op], now + counter[3])
  end
end

local function reserve(op)
  local i, counter = opKey[op], opCounter[op]
  if counter[1] == SLOTS then return addHolder(i, counter, opName[op], now + HOLD_MS) end
  holds[i] = holds[i] .. pack(HOLD, now + HOLD_MS, opCost[op], opName[op])
  changed[i] = counter
end

-- A reservation that has expired is asked for again: it may have been given to somebody else.
local function confirm(op)
  local i, counter = opKey[op], opCounter[op]
  open(i, counter)
  if counter[1] == SLOTS then
    if not call('ZSCORE', keys[i], opName[op]) then
      local fits, wait = readSlots(i, counter)
      if not fits then return fits, wait, false end
    else
      readSlots(i, counter)
      total[i] = total[i] - 1
    end
    charge(op)
    return true, 0, false
  end
  local held = dropHold(i, opName[op])
  changed[i] = counter
  local fits, wait, cooling = readOperation(op)
  if held or fits then
    charge(op)
    return true, 0, false
  end
  return false, wait, cooling
end

local function cancel(op)
  local i, counter = opKey[op], opCounter[op]
  if counter[1] == SLOTS then
    call('ZREM', keys[i], opName[op])
    total[i], newest[i] = 0, 0
    return
  end
  open(i, counter)
  dropHold(i, opName[op])
  changed[i] = counter
end

-- Pays units ahead that will be spent until the time they are dated by, never more than a quarter of what is left.
local function payAhead(op)
  local i, counter = opKey[op], opCounter[op]
  if counter[1] ~= WINDOW or counter[8] == 0 then return 0 end
  local units = min(opAhead[op], floor((counter[2] - total[i] - heldUnits(i)) / 4))
  if units <= 0 then return 0 end
  addToWindow(i, counter, units, now + counter[8])
  return units
end

local function coolDown(op)
  local i, counter = opKey[op], opCounter[op]
  if counter[4] == 0 or opCooling[op] or opSoft[op] then return end
  cool[i], changed[i], opCooling[op] = now + counter[4], counter, true
  if opWait[op] >= 0 then opWait[op] = max(opWait[op], counter[4]) end
end

local function figures(op)
  local i, counter = opKey[op], opCounter[op]
  local shape, units = counter[1], total[i]
  if shape == RATE then
    local debt = max(0, units - nowUs)
    local used = ceil(debt / counter[7])
    return used, used == 0 and 0 or ceil((debt - (used - 1) * counter[7]) / 1000)
  end
  if units == 0 then return 0, 0 end
  if shape == WINDOW then return units, oldest[i] + counter[3] - now end
  if shape == LADDER then return units, newest[i] + waitAfter(counter, units) + counter[3] - now end
  return units, max(0, newest[i] - now)
end

local function store(i, counter)
  local shape, held, value = counter[1], holds[i], nil
  if shape == WINDOW then
    local count = held == '' and 0 or #held / HOLD_BYTES
    value = pack(WINDOW_HEAD, count, cool[i], total[i], newest[i], newestUnits[i]) .. older[i] .. held
  elseif shape == RATE then
    value = pack(RATE_HEAD, #held / HOLD_BYTES, cool[i], total[i]) .. held
  else
    value = pack(LADDER_HEAD, total[i], newest[i])
  end
  call('PSETEX', keys[i], counter.liveMs, value)
end

-- The same key may come in two places: callers that see it under two policies do not know that it is one.
local function findPlaces(names)
  local byName = {}
  for i = 1, #names do
    local name = names[i]
    local place = byName[name]
    if not place then
      byName[name], place = i, i
    end
    places[i] = place
  end
end

local row, args, configs, nextName, answer, length

local function note(number)
  length = length + 1
  answer[length] = number
end

-- Most requests are of one unit under one window that has room: what the general way does, in one step. Whether it was that.
local function takeOne(i, counter)
  if opened[i] ~= calls then
    opened[i], changed[i] = calls, false
    openWindow(i, counter)
  end
  local window, units = counter[3], total[i]
  if units > 0 and oldest[i] + window <= now then
    prune(i, window)
    units = total[i]
  end
  if units >= counter[2] or holds[i] ~= '' or (counter[4] > 0 and cool[i] > now) then return false end
  addToWindow(i, counter, 1, now)
  answer[length + 1], answer[length + 2] = (units + 1) * 8 + 3, oldest[i] + window - now
  length = length + 2
  return true
end

-- Reads the operation at a place of the row into that of its request; answers the place behind it, its flags and its mode.
local function readRow(op, at)
  local flags, config, high, low = byte(row, at, at + 3)
  local cost, mode = 1, TAKE
  at, opAhead[op] = at + 4, nil
  if flags % 16 >= 8 then
    local c1, c2, c3, c4, c5, a1, a2, a3, a4, m = byte(row, at, at + 9)
    cost = (((c1 * 128 + c2) * 128 + c3) * 128 + c4) * 128 + c5
    local ahead = ((a1 * 128 + a2) * 128 + a3) * 128 + a4
    if ahead > 0 then opAhead[op] = ahead end
    at, mode = at + 10, m
  end
  if flags >= 16 then
    opName[op], nextName = args[nextName], nextName + 1
  end
  opFlags[op], opCounter[op], opKey[op], opCost[op] = flags, configs[config + 1], places[high * 128 + low + 1], cost
  return at, flags, mode
end

local function judge(op, mode)
  local fits, wait, cooling, soft = readOperation(op)
  if mode == RESERVE and fits and #(holds[opKey[op]] or '') >= MOST_HOLDS * HOLD_BYTES then
    fits, wait, soft = false, 1, true
  end
  opFits[op], opWait[op], opCooling[op], opSoft[op] = fits, wait, cooling, soft
  return fits or opFlags[op] % 4 < 2
end

-- Whether the operation was charged, and what was paid ahead.
local function settle(op, mode, admitted)
  if mode == CONFIRM then
    opFits[op], opWait[op], opCooling[op] = confirm(op)
    return opFits[op], 0
  elseif mode == CANCEL then
    cancel(op)
    opFits[op], opWait[op], opCooling[op] = true, 0, false
    return false, 0
  elseif not opFits[op] then
    coolDown(op)
    return false, 0
  elseif opCounter[op][6] == 1 then
    charge(op)
    return true, 0
  elseif not admitted then
    return false, 0
  elseif mode == RESERVE then
    reserve(op)
    return true, 0
  end
  charge(op)
  return true, opAhead[op] and payAhead(op) or 0
end

-- Decides the request at a place of the row, and answers the place behind it.
local function decide(at)
  local ops, admitted, mode, last = 0, true, TAKE, false
  repeat
    local flags
    ops = ops + 1
    at, flags, mode = readRow(ops, at)
    if mode <= RESERVE and not judge(ops, mode) then admitted = false end
    last = flags % 2 == 1
  until last
  for op = 1, ops do
    local charged, paid = settle(op, mode, admitted)
    local used, frees = figures(op)
    note(used * 8 + (opFits[op] and 1 or 0) + (charged and 2 or 0) + (opCooling[op] and 4 or 0))
    note(frees)
    if not opFits[op] then note(opWait[op]) end
    if opAhead[op] then note(paid) end
  end
  return at
end

local function take()
  values = call('MGET', unpack(keys))
  findPlaces(keys)
  calls, configs = calls + 1, {}
  local count = tonumber(args[2])
  for place = 1, count do configs[place] = counterOf(args[place + 2]) end
  row, nextName, answer, length = args[1], count + 3, {}, 0
  local at, size = 1, #row
  while at <= size do
    local flags, config, high, low = byte(row, at, at + 3)
    local counter = configs[config + 1]
    if flags == 3 and counter[1] == WINDOW and takeOne(places[high * 128 + low + 1], counter) then
      at = at + 4
    else
      at = decide(at)
    end
  end
  for i = 1, #keys do
    if opened[i] == calls and changed[i] then store(i, changed[i]) end
  end
  return answer
end

-- Notes that a process lives, and answers how many do.
local function beat()
  local key, living = keys[1], tonumber(args[3])
  call('ZREMRANGEBYSCORE', key, '-inf', now - living)
  call('ZREMRANGEBYSCORE', key, '(' .. now, '+inf')
  call('ZADD', key, now, args[2])
  call('PEXPIRE', key, living * 2)
  return call('ZCARD', key)
end

local function run(given, texts)
  if not call then lookUp() end
  keys, args = given, texts
  nowUs = clock()
  now = floor(nowUs / 1000)
  if args[1] == 'beat' then return beat() end
  return take()
end
`

/** Reads the server's clock, in microseconds. Within a call it stands still. */
const serverClock = `
local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end
`

/** The counting, ready to be sent. */
export interface RedisProgram {
  /** Of the function and of its library: named after the text, so that two versions live side by side. */
  readonly name: string
  /** For `FUNCTION LOAD`. */
  readonly library: string
  /** For `EVAL`. */
  readonly script: string
  /** For `EVALSHA`. */
  readonly sha: string
}

/**
 * Puts the program together.
 *
 * @param clock - Lua that defines `clock()`, in microseconds; the server's own unless time is to be virtual.
 */
export function createRedisProgram(clock: string = serverClock): RedisProgram {
  const body = `${clock}${counting}`
  const name = `rempart_${createHash('sha256').update(body).digest('hex').slice(0, 16)}`
  const script = `${body}\nreturn run(KEYS, ARGV)\n`
  return {
    name,
    library: `#!lua name=${name}\n${body}\nredis.register_function('${name}', run)\n`,
    script,
    sha: createHash('sha1').update(script).digest('hex'),
  }
}
