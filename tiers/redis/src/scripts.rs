//! What is done in one step inside the store. Each script has one key.

/// ARGV: random bits. The generation of a source, made where it has none. Its counter is the clock of the store.
pub(crate) const GENERATION: &str = "\
local known = redis.call('GET', KEYS[1])
if known then return known end
local time = redis.call('TIME')
local made = string.format('%.0f', time[1] * 1000000 + time[2]) .. '-' .. ARGV[1]
redis.call('SET', KEYS[1], made)
return made";

/// ARGV: random bits; the counter to be above. A new generation. Where there is no room for it, none is left, and the
/// answer is empty: who finds none knows nothing of the source, which is cold then and not stale.
pub(crate) const RAISE: &str = "\
local time = redis.call('TIME')
local counter = math.max(time[1] * 1000000 + time[2], tonumber(ARGV[2]) + 1)
local known = redis.pcall('GET', KEYS[1])
if type(known) == 'string' then
  local old = tonumber(string.match(known, '^(%d+)-'))
  if old and old < 2^53 then counter = math.max(counter, old + 1) end
end
local made = string.format('%.0f', counter) .. '-' .. ARGV[1]
local set = redis.pcall('SET', KEYS[1], made)
if set.err then
  redis.call('DEL', KEYS[1])
  return ''
end
return made";

/// ARGV: the token; milliseconds. Prolongs a lease that has this token.
pub(crate) const RENEW: &str = "\
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0";

/// ARGV: the token. Ends a lease that has this token.
pub(crate) const UNLEASE: &str = "\
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0";
