/*
 * A second tier for tilecache in Redis or Valkey: what one process of a fleet decodes, the others get from there. Link
 * with -ltilecache_redis -ltilecache. docs/fleet.md says how to run it.
 *
 * What goes there are blocks of sources that have an identity on all machines: tc_open_options.fleet_id,
 * tc_source.fleet_id, or TC_OPEN_FLEET_DIGEST. provider_invalidate_fleet says that the pixels of one have changed.
 *
 *     tc_tier tier;
 *     tc_status status = tc_tier_redis("redis://store:6379", NULL, &tier, &err);
 *     if (!status) status = tc_set_tier(cache, &tier, &err);
 */
#ifndef TILECACHE_REDIS_H
#define TILECACHE_REDIS_H

#include <tilecache.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The bits of tc_tier_redis_options.flags.
 */
typedef enum tc_tier_redis_flags {
  /**
   * The store is asked also where that took longer than a decode lately, and waited for as long as get_ms says however
   * fast that is: decodes are dearer than their time. Without it, it is asked for one of 32 such blocks, and for the
   * leases of none.
   */
  TC_TIER_REDIS_ALWAYS = 1,
  /**
   * The strict grade: each request looks at the clock, and uses no memory of a source of which the generation was confirmed
   * longer ago than validity_ms, also in a process that was stopped and goes on. Without it the tier's thread sees to
   * that, and memory is used for longer where that thread does not get to run; hits then cost nothing more than without a
   * tier. See TC_TIER_STRICT in tilecache.h, and docs/fleet.md.
   */
  TC_TIER_REDIS_STRICT = 2,
  /**
   * Blocks are stored when they leave the memory of the cache, and not when they were decoded: what fits in memory costs
   * the store nothing. Nobody waits for what another process decodes then, and what is in memory when the process ends is
   * lost: tc_flush_tier stores it before. See TC_TIER_PUT_EVICTED in tilecache.h.
   */
  TC_TIER_REDIS_PUT_EVICTED = 8,
} tc_tier_redis_flags;

/**
 * How values are compressed: tc_tier_redis_options.compression. Bytes of samples are sorted first by their place in a
 * sample. What does not get smaller by a sixteenth is stored as it is.
 */
typedef enum tc_tier_redis_compression {
  /**
   * As LZ4 blocks: the default.
   */
  TC_TIER_REDIS_LZ4 = 1,
  /**
   * By zstd at level 1: smaller and slower.
   */
  TC_TIER_REDIS_ZSTD = 2,
  /**
   * Not at all.
   */
  TC_TIER_REDIS_PLAIN = 3,
} tc_tier_redis_compression;

/**
 * How a store is used. Size-led; 0 and NULL are the defaults. All processes of a fleet should have the same prefix,
 * secret and validity.
 */
typedef struct tc_tier_redis_options {
  /**
   * sizeof(tc_tier_redis_options), set by you.
   */
  uint32_t struct_size;
  /**
   * Bits of tc_tier_redis_flags.
   */
  uint32_t flags;
  /**
   * What all keys begin with, of at most 64 bytes; copied. NULL is "tc:".
   */
  const char *prefix;
  /**
   * Bytes that the processes of the fleet know and the store does not, at least 16; copied. With them keys cannot be
   * guessed, and values that others write are not believed. NULL: none, and whoever writes to the store is believed.
   */
  const void *secret;
  /**
   * How many.
   */
  size_t secret_bytes;
  /**
   * How long a process may use its memory of a source after the store confirmed its generation, in milliseconds, from 30
   * on. It is asked for three times as often. provider_invalidate_fleet waits as long. 0 is 1000.
   */
  uint32_t validity_ms;
  /**
   * The longest that the store is waited for when blocks are asked for; less where their decode is faster, but for 10 ms.
   * 0 is 100.
   */
  uint32_t get_ms;
  /**
   * The longest that a block may take to be stored; more than a third of validity_ms is taken for that. 0 is 1000.
   */
  uint32_t put_ms;
  /**
   * The longest that a purge waits for the store. 0 is 2000.
   */
  uint32_t purge_ms;
  /**
   * The longest that another process is waited for which decodes a block. 0: the longer one of its lease, which is three
   * decodes within half a second and two, and of four decodes; anew when another process takes over.
   */
  uint32_t wait_ms;
  /**
   * How many copies of the store have to take a purge before it has succeeded. Not for clusters.
   */
  uint32_t replicas;
  /**
   * One of tc_tier_redis_compression. 0 is TC_TIER_REDIS_LZ4.
   */
  uint32_t compression;
  /**
   * How long values are kept, in seconds. 0 is a week, UINT32_MAX until the store evicts them.
   */
  uint32_t keep_s;
  /**
   * The longest value; longer ones are not stored. 0 is 64 MiB.
   */
  uint64_t value_bytes;
  /**
   * tc_tier.queue_bytes.
   */
  uint64_t queue_bytes;
  /**
   * Called when the store is not asked any more for a while, with the reason, which has no password in it: once for each
   * reason that follows another one, and once when questions go well and the last failure is half a minute ago. On any
   * thread, with no lock held. NULL: nothing is told.
   */
  void (*log)(void *log_user, const char *message);
  /**
   * Passed to log.
   */
  void *log_user;
} tc_tier_redis_options;

/**
 * A tier in a Redis (6 or later) or a Valkey, for tc_set_tier.
 *
 * - url: required: `redis://[[user]:password@]host[:port][/database]`, `rediss://` for TLS, whose certificates are those
 *   that the system trusts or SSL_CERT_FILE names, or `unix:///path`. Several with commas between them are nodes of a
 *   cluster, and so is one with `cluster+` before it. What has a meaning in a URL is percent-encoded in passwords.
 * - options: NULL for the defaults.
 * - tier: required; receives the table. It is for one cache: where two have it, that is told through log, and neither is
 *   served. If tc_set_tier does not take it, give it back with tier->release(tier->user).
 * - err: may be NULL.
 *
 * Nothing is sent yet: a store that is not there is no error, neither here nor later. Blocks are decoded then, and the
 * store is tried again, see docs/fleet.md. The tier has one thread, from tc_set_tier until the cache is gone. Errors:
 * TC_E_ARGUMENT for a URL that is none, or of which a part would come to nothing (a database below 0, the port 0, an option,
 * a user without a password), and for options out of range; the message has no password in it. Thread-safe.
 */
tc_status tc_tier_redis(const char *url, const tc_tier_redis_options *options, tc_tier *tier, tc_error *err);

/**
 * What a tier of tc_tier_redis counted, as one object of JSON: names and numbers, which
 * tiers/fleet/src/statistics.rs describes.
 *
 * - tier: required; its cache must not be gone.
 * - write: required; given pieces of the text in order, on this thread. What it returns but TC_OK ends the call.
 * - user: passed to write.
 * - err: may be NULL.
 *
 * Errors: TC_E_ARGUMENT; what write returns. Thread-safe.
 */
tc_status tc_tier_redis_report(const tc_tier *tier, tc_write_fn write, void *user, tc_error *err);

#ifdef __cplusplus
}
#endif

#endif
