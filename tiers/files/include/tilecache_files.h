/*
 * A second tier for tilecache in a directory: what was decoded once is found there after a restart, and by the other
 * processes of the machine. Link with -ltilecache_files -ltilecache. docs/fleet.md says how to run it.
 *
 * What goes there are blocks of sources that have an identity on all machines: tc_open_options.fleet_id,
 * tc_source.fleet_id, or TC_OPEN_FLEET_DIGEST. provider_invalidate_fleet says that the pixels of one have changed.
 *
 *     tc_tier tier;
 *     tc_status status = tc_tier_files("/var/cache/tiles", NULL, &tier, &err);
 *     if (!status) status = tc_set_tier(cache, &tier, &err);
 */
#ifndef TILECACHE_FILES_H
#define TILECACHE_FILES_H

#include <tilecache.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The bits of tc_tier_files_options.flags.
 */
typedef enum tc_tier_files_flags {
  /**
   * The directory is asked also where that took longer than a decode lately, and waited for as long as get_ms says however
   * fast that is. Without it, it is asked for one of 32 such blocks, and for the leases of none.
   */
  TC_TIER_FILES_ALWAYS = 1,
  /**
   * The strict grade: each request looks at the clock, and uses no memory of a source whose generation was seen longer ago
   * than validity_ms, also in a process that was stopped and goes on. See TC_TIER_STRICT in tilecache.h.
   */
  TC_TIER_FILES_STRICT = 2,
  /**
   * Blocks are stored when they leave the memory of the cache, and not when they were decoded: what fits in memory costs
   * the directory nothing. Nobody waits for what another process decodes then, and what is in memory when the process ends is
   * lost: tc_flush_tier stores it before. See TC_TIER_PUT_EVICTED in tilecache.h.
   */
  TC_TIER_FILES_PUT_EVICTED = 8,
} tc_tier_files_flags;

/**
 * How values are compressed: tc_tier_files_options.compression. Bytes of samples are sorted first by their place in a
 * sample. What does not get smaller by a sixteenth is stored as it is.
 */
typedef enum tc_tier_files_compression {
  /**
   * As LZ4 blocks: the default.
   */
  TC_TIER_FILES_LZ4 = 1,
  /**
   * By zstd at level 1: smaller and slower.
   */
  TC_TIER_FILES_ZSTD = 2,
  /**
   * Not at all.
   */
  TC_TIER_FILES_PLAIN = 3,
} tc_tier_files_compression;

/**
 * How a directory is used. Size-led; 0 and NULL are the defaults. All processes that use a directory should have the same
 * secret and validity.
 */
typedef struct tc_tier_files_options {
  /**
   * sizeof(tc_tier_files_options), set by you.
   */
  uint32_t struct_size;
  /**
   * Bits of tc_tier_files_flags.
   */
  uint32_t flags;
  /**
   * What all values together may take, in bytes, each file counted in pieces of 4,096; at least 16 MiB. Each process
   * keeps to its own number when it writes. Beside that there are half a MiB for leases and a small file for each source
   * that was asked for in the last month. 0 is 1 GiB.
   */
  uint64_t bytes;
  /**
   * Bytes that the processes know, at least 16; copied. With them values that others write are not believed. NULL: none,
   * and whoever may write to the directory is believed.
   */
  const void *secret;
  /**
   * How many.
   */
  size_t secret_bytes;
  /**
   * How long a process may use its memory of a source after it saw its generation in the directory, in milliseconds, from
   * 30 on. It looks three times as often, on the one thread that also writes: where a write takes long it looks late, and
   * longest_delay_nanoseconds of tc_tier_files_report says how late. Nothing is late with TC_TIER_FILES_STRICT.
   * provider_invalidate_fleet waits as long. 0 is 1000.
   */
  uint32_t validity_ms;
  /**
   * The longest that the directory is asked for the blocks of a request; less where their decode is faster, but for 10 ms.
   * A read that the system does not end lasts longer; it is the last one then. 0 is 100.
   */
  uint32_t get_ms;
  /**
   * The longest that a put waits for another process that writes; at most a third of validity_ms. 0 is 1000.
   */
  uint32_t put_ms;
  /**
   * The longest that a purge waits for another one. 0 is 2000.
   */
  uint32_t purge_ms;
  /**
   * The longest that another process is waited for which decodes a block. 0: the longer one of its lease, which is three
   * decodes within half a second and two, and of four decodes; anew when another process takes over.
   */
  uint32_t wait_ms;
  /**
   * One of tc_tier_files_compression. 0 is TC_TIER_FILES_LZ4.
   */
  uint32_t compression;
  /**
   * The longest value; longer ones are not stored. At most an eighth of `bytes`. 0 is 64 MiB.
   */
  uint64_t value_bytes;
  /**
   * tc_tier.queue_bytes.
   */
  uint64_t queue_bytes;
  /**
   * Called when the directory is not asked any more for a while, with the reason: once for each reason that follows
   * another one, and once when questions go well and the last failure is half a minute ago. On any thread, with no lock
   * held. NULL: nothing is told.
   */
  void (*log)(void *log_user, const char *message);
  /**
   * Passed to log.
   */
  void *log_user;
} tc_tier_files_options;

/**
 * A tier in a directory, for tc_set_tier.
 *
 * - path: required; a directory on a file system of this machine, which is made where its parent is there. It must be
 *   empty, or one that was used so before. It may be removed at any time, with all that is in it. A relative path is
 *   that from the working directory of now.
 * - options: NULL for the defaults.
 * - tier: required; receives the table. It is for one cache: where two have it, that is told through log, and neither is
 *   served. If tc_set_tier does not take it, give it back with tier->release(tier->user).
 * - err: may be NULL.
 *
 * Any number of caches and processes may use one directory, also some that may only read it. One at a time writes, who has
 * the file `lock` locked by flock; nobody waits for that who reads. The tier has one thread, from tc_set_tier until the
 * cache is gone; it sleeps while no source is open, and looks for generations while one is. Blocks that wait to be written
 * when the process ends are not: where they matter, first wait until tc_tier_statistics says that `queued` is 0.
 *
 * Where nothing can be written, what is there is served, and sources that nobody opened before are believed until somebody
 * who can write changes them; a purge fails there.
 *
 * Errors: TC_E_ARGUMENT for a directory with other files in it, for one of another format, and for options out of range;
 * TC_E_IO if the directory cannot be made or read. Afterwards nothing that happens to it is an error, see docs/fleet.md:
 * blocks are decoded then. Thread-safe.
 */
tc_status tc_tier_files(const char *path, const tc_tier_files_options *options, tc_tier *tier, tc_error *err);

/**
 * What a tier of tc_tier_files counted, as one object of JSON: names and numbers, which tiers/fleet/src/statistics.rs
 * describes; and of this process `evicted` and `evicted_bytes`, `recounts`: how often all values had to be looked through,
 * and `bytes`: what all values take, as it knew when it last wrote.
 *
 * - tier: required; its cache must not be gone.
 * - write: required; given pieces of the text in order, on this thread. What it returns but TC_OK ends the call.
 * - user: passed to write.
 * - err: may be NULL.
 *
 * Errors: TC_E_ARGUMENT; what write returns. Thread-safe.
 */
tc_status tc_tier_files_report(const tc_tier *tier, tc_write_fn write, void *user, tc_error *err);

#ifdef __cplusplus
}
#endif

#endif
