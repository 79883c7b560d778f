/*
 * A second tier for tilecache in an object store that speaks S3: for tiles that live long, and that all machines share.
 * Link with -ltilecache_s3 -ltilecache. docs/fleet.md says how to run it.
 *
 * What goes there are blocks of sources that have an identity on all machines: tc_open_options.fleet_id,
 * tc_source.fleet_id, or TC_OPEN_FLEET_DIGEST. provider_invalidate_fleet says that the pixels of one have changed.
 *
 *     tc_tier tier;
 *     tc_status status = tc_tier_s3("https://store:9000/tiles", NULL, &tier, &err);
 *     if (!status) status = tc_set_tier(cache, &tier, &err);
 */
#ifndef TILECACHE_S3_H
#define TILECACHE_S3_H

#include <tilecache.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The bits of tc_tier_s3_options.flags.
 */
typedef enum tc_tier_s3_flags {
  /**
   * The store is asked also where that took longer than a decode lately, and waited for as long as get_ms says however
   * fast that is. Without it, it is asked for one of 32 such blocks, and for the leases of none.
   */
  TC_TIER_S3_ALWAYS = 1,
  /**
   * The strict grade: each request looks at the clock, and uses no memory of a source of which the generation was confirmed
   * longer ago than validity_ms, also in a process that was stopped and goes on. See TC_TIER_STRICT in tilecache.h.
   */
  TC_TIER_S3_STRICT = 2,
  /**
   * Blocks are not leased, also where the store keeps conditions: three questions less for each block that is decoded,
   * and machines that miss the same one at once all decode it.
   */
  TC_TIER_S3_NO_LEASES = 4,
  /**
   * Blocks are stored when they leave the memory of the cache, and not when they were decoded: what fits in memory costs
   * the store nothing. Nobody waits for what another process decodes then, and what is in memory when the process ends is
   * lost: tc_flush_tier stores it before. See TC_TIER_PUT_EVICTED in tilecache.h.
   */
  TC_TIER_S3_PUT_EVICTED = 8,
} tc_tier_s3_flags;

/**
 * How values are compressed: tc_tier_s3_options.compression. Bytes of samples are sorted first by their place in a
 * sample. What does not get smaller by a sixteenth is stored as it is.
 */
typedef enum tc_tier_s3_compression {
  /**
   * As LZ4 blocks: the default.
   */
  TC_TIER_S3_LZ4 = 1,
  /**
   * By zstd at level 1: smaller and slower.
   */
  TC_TIER_S3_ZSTD = 2,
  /**
   * Not at all.
   */
  TC_TIER_S3_PLAIN = 3,
} tc_tier_s3_compression;

/**
 * How a store is used. Size-led; 0 and NULL are the defaults. All texts are copied. All processes of a fleet should have
 * the same secret and validity.
 */
typedef struct tc_tier_s3_options {
  /**
   * sizeof(tc_tier_s3_options), set by you.
   */
  uint32_t struct_size;
  /**
   * Bits of tc_tier_s3_flags.
   */
  uint32_t flags;
  /**
   * The region that questions are signed for. NULL: AWS_REGION of the environment, else "us-east-1".
   */
  const char *region;
  /**
   * Who asks: the key and its secret, and the token of a session, if it is of one. All NULL: AWS_ACCESS_KEY_ID,
   * AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN of the environment, or nobody in particular where these are not set. They
   * are not looked up anew: keys that end have to be given to a new cache.
   */
  const char *access_key;
  /**
   * Its secret.
   */
  const char *secret_key;
  /**
   * The token of its session, or NULL.
   */
  const char *session_token;
  /**
   * Bytes that the processes of the fleet know and the store does not, at least 16; copied. With them keys cannot be
   * guessed, and values that others write are not believed. NULL: none, and whoever writes to the bucket is believed.
   */
  const void *secret;
  /**
   * How many.
   */
  size_t secret_bytes;
  /**
   * How long a process may use its memory of a source after the store confirmed its generation, in milliseconds, from 30
   * on. It is asked for three times as often, which is paid for. provider_invalidate_fleet waits as long. 0 is 60000.
   */
  uint32_t validity_ms;
  /**
   * The longest that the store is waited for when blocks are asked for; less where their decode is faster, but for 10 ms.
   * 0 is 1000.
   */
  uint32_t get_ms;
  /**
   * The longest that a block may take to be stored; at most a third of validity_ms. 0 is 10000.
   */
  uint32_t put_ms;
  /**
   * The longest that a purge waits for the store. 0 is 10000.
   */
  uint32_t purge_ms;
  /**
   * The longest that another process is waited for which decodes a block. 0: the longer one of its lease, which is three
   * decodes within half a second and two, and of four decodes; anew when another process takes over.
   */
  uint32_t wait_ms;
  /**
   * One of tc_tier_s3_compression. 0 is TC_TIER_S3_LZ4.
   */
  uint32_t compression;
  /**
   * How many blocks of a request are asked for at once, at most 64. 0 is 8.
   */
  uint32_t connections;
  /**
   * 0.
   */
  uint32_t reserved;
  /**
   * The longest value; longer ones are not stored. 0 is 64 MiB.
   */
  uint64_t value_bytes;
  /**
   * tc_tier.queue_bytes.
   */
  uint64_t queue_bytes;
  /**
   * Called when the store is not asked any more for a while, with the reason, which has no key in it: once for each
   * reason that follows another one, and once when questions go well and the last failure is half a minute ago. On any
   * thread, with no lock held. NULL: nothing is told.
   */
  void (*log)(void *log_user, const char *message);
  /**
   * Passed to log.
   */
  void *log_user;
} tc_tier_s3_options;

/**
 * A tier in a bucket of an object store, for tc_set_tier.
 *
 * - url: required: `http[s]://host[:port]/bucket[/prefix]`, or `s3://bucket[/prefix]` for Amazon's. Certificates are those
 *   that the system trusts, or SSL_CERT_FILE names. Whose key it is needs GetObject, PutObject, DeleteObject and
 *   ListBucket: without the last one an object that is not there looks as if it were denied.
 * - options: NULL for the defaults.
 * - tier: required; receives the table. It is for one cache: where two have it, that is told through log, and neither is
 *   served. If tc_set_tier does not take it, give it back with tier->release(tier->user).
 * - err: may be NULL.
 *
 * Leases need a store that keeps `If-None-Match: *` and `If-Match` when objects are put. Whether it does is tried out at
 * the first need, with an object `probe` below the prefix. One that does not has no leases: machines that miss the same
 * block at once all decode it.
 *
 * Nothing is sent yet: a store that is not there is no error, neither here nor later. Blocks are decoded then, and the
 * store is tried again, see docs/fleet.md. The tier has one thread, from tc_set_tier until the cache is gone, and up to
 * `connections` - 1 more inside a call that asks for several blocks, which end with it. Objects are deleted by a rule of
 * the bucket, not by the tier. Errors: TC_E_ARGUMENT for a URL that is none, and for options out of range; the message has
 * no key in it. Thread-safe.
 */
tc_status tc_tier_s3(const char *url, const tc_tier_s3_options *options, tc_tier *tier, tc_error *err);

/**
 * What a tier of tc_tier_s3 counted, as one object of JSON: names and numbers, which tiers/fleet/src/statistics.rs
 * describes; and `conditions`: 0 not tried out yet, 1 the store keeps none, 2 it does.
 *
 * - tier: required; its cache must not be gone.
 * - write: required; given pieces of the text in order, on this thread. What it returns but TC_OK ends the call.
 * - user: passed to write.
 * - err: may be NULL.
 *
 * Errors: TC_E_ARGUMENT; what write returns. Thread-safe.
 */
tc_status tc_tier_s3_report(const tc_tier *tier, tc_write_fn write, void *user, tc_error *err);

#ifdef __cplusplus
}
#endif

#endif
