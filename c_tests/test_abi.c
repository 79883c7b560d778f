/* The sizes, offsets and numbers that callers have compiled in, and how size-led structs may differ. */
#include "support.h"

/* ---- layout ---- */

#define SIZE(type, size) _Static_assert(sizeof(type) == (size), "size of " #type)
#define AT(type, member, offset) _Static_assert(offsetof(type, member) == (offset), #type "." #member)
#define IS(constant, number) _Static_assert((constant) == (number), #constant)

SIZE(tc_status, 4);
SIZE(tc_dtype, 4);

SIZE(tc_error, 512);
AT(tc_error, code, 0);
AT(tc_error, source_code, 4);
AT(tc_error, message, 8);

SIZE(tc_image_info, 104);
AT(tc_image_info, struct_size, 0);
AT(tc_image_info, dtype, 4);
AT(tc_image_info, width, 8);
AT(tc_image_info, height, 16);
AT(tc_image_info, block_width, 24);
AT(tc_image_info, block_height, 32);
AT(tc_image_info, grid_cols, 40);
AT(tc_image_info, grid_rows, 48);
AT(tc_image_info, bands, 56);
AT(tc_image_info, levels, 60);
AT(tc_image_info, bits, 64);
AT(tc_image_info, flags, 68);
AT(tc_image_info, pad, 72);
AT(tc_image_info, nodata, 88);

SIZE(tc_band_info, 32);
AT(tc_band_info, struct_size, 0);
AT(tc_band_info, colour, 4);
AT(tc_band_info, flags, 8);
AT(tc_band_info, reserved, 12);
AT(tc_band_info, nodata, 16);

SIZE(tc_cache_options, 40);
AT(tc_cache_options, struct_size, 0);
AT(tc_cache_options, unread_percent, 4);
AT(tc_cache_options, view_limit, 8);
AT(tc_cache_options, max_in_flight, 16);
AT(tc_cache_options, threads, 24);
AT(tc_cache_options, flags, 28);
AT(tc_cache_options, log, 32);

SIZE(tc_log, 40);
AT(tc_log, struct_size, 0);
AT(tc_log, level, 4);
AT(tc_log, slow_ms, 8);
AT(tc_log, reserved, 12);
AT(tc_log, write, 16);
AT(tc_log, user, 24);
AT(tc_log, release, 32);
IS(TC_LOG_ERROR, 1);
IS(TC_LOG_WARNING, 2);
IS(TC_LOG_INFO, 3);
IS(TC_LOG_DEBUG, 4);
IS(TC_LOG_DAMAGE, 1);
IS(TC_LOG_GEOREFERENCE, 2);
IS(TC_LOG_SLOW, 3);
IS(TC_LOG_FAILED, 4);
IS(TC_LOG_CHANGED, 5);
IS(TC_LOG_EVICTED, 6);
IS(TC_LOG_REJECTED, 7);
IS(TC_LOG_OVERDUE, 8);

SIZE(tc_cache_stats, 216);
AT(tc_cache_stats, struct_size, 0);
AT(tc_cache_stats, reserved, 4);
AT(tc_cache_stats, budget, 8);
AT(tc_cache_stats, resident, 16);
AT(tc_cache_stats, idle, 24);
AT(tc_cache_stats, held, 32);
AT(tc_cache_stats, reusable, 40);
AT(tc_cache_stats, over_budget, 48);
AT(tc_cache_stats, orphaned, 56);
AT(tc_cache_stats, in_flight, 64);
AT(tc_cache_stats, peak, 72);
AT(tc_cache_stats, entries, 80);
AT(tc_cache_stats, hits, 88);
AT(tc_cache_stats, misses, 96);
AT(tc_cache_stats, waits, 104);
AT(tc_cache_stats, loads, 112);
AT(tc_cache_stats, load_errors, 120);
AT(tc_cache_stats, evictions, 128);
AT(tc_cache_stats, rejected, 136);
AT(tc_cache_stats, siblings, 144);
AT(tc_cache_stats, load_nanoseconds, 152);
AT(tc_cache_stats, max_in_flight, 160);
AT(tc_cache_stats, queued, 168);
AT(tc_cache_stats, overdue, 176);
AT(tc_cache_stats, index, 184);

SIZE(tc_rpc, 736);
AT(tc_rpc, err_bias, 0);
AT(tc_rpc, err_rand, 8);
AT(tc_rpc, line_off, 16);
AT(tc_rpc, samp_off, 24);
AT(tc_rpc, lat_off, 32);
AT(tc_rpc, long_off, 40);
AT(tc_rpc, height_off, 48);
AT(tc_rpc, line_scale, 56);
AT(tc_rpc, samp_scale, 64);
AT(tc_rpc, lat_scale, 72);
AT(tc_rpc, long_scale, 80);
AT(tc_rpc, height_scale, 88);
AT(tc_rpc, line_num, 96);
AT(tc_rpc, line_den, 256);
AT(tc_rpc, samp_num, 416);
AT(tc_rpc, samp_den, 576);

SIZE(tc_retile_options, 24);
AT(tc_retile_options, struct_size, 0);
AT(tc_retile_options, pad_edges, 4);
AT(tc_retile_options, tile_width, 8);
AT(tc_retile_options, tile_height, 16);

SIZE(tc_level_options, 56);
AT(tc_level_options, struct_size, 0);
AT(tc_level_options, filter, 4);
AT(tc_level_options, flags, 8);
AT(tc_level_options, levels, 12);
AT(tc_level_options, factor, 16);
AT(tc_level_options, width, 24);
AT(tc_level_options, height, 32);
AT(tc_level_options, tile_width, 40);
AT(tc_level_options, tile_height, 48);

SIZE(tc_heights_options, 88);
AT(tc_heights_options, struct_size, 0);
AT(tc_heights_options, flags, 4);
AT(tc_heights_options, band, 8);
AT(tc_heights_options, reserved, 12);
AT(tc_heights_options, transform, 16);
AT(tc_heights_options, scale, 64);
AT(tc_heights_options, offset, 72);
AT(tc_heights_options, missing, 80);
SIZE(tc_warp_options, 88);
AT(tc_warp_options, struct_size, 0);
AT(tc_warp_options, filter, 4);
AT(tc_warp_options, flags, 8);
AT(tc_warp_options, levels, 12);
AT(tc_warp_options, source_level, 16);
AT(tc_warp_options, reserved, 20);
AT(tc_warp_options, max_error, 24);
AT(tc_warp_options, scale_x, 32);
AT(tc_warp_options, scale_y, 40);
AT(tc_warp_options, width, 48);
AT(tc_warp_options, height, 56);
AT(tc_warp_options, tile_width, 64);
AT(tc_warp_options, tile_height, 72);
AT(tc_warp_options, period, 80);

SIZE(tc_tie_point, 32);
AT(tc_tie_point, x, 0);
AT(tc_tie_point, y, 8);
AT(tc_tie_point, source_x, 16);
AT(tc_tie_point, source_y, 24);

#if UINTPTR_MAX == UINT64_MAX /* structs with pointers */
SIZE(tc_pixels, 72);
AT(tc_pixels, data, 0);
AT(tc_pixels, width, 8);
AT(tc_pixels, height, 16);
AT(tc_pixels, row_stride, 24);
AT(tc_pixels, band_stride, 32);
AT(tc_pixels, valid_width, 40);
AT(tc_pixels, valid_height, 48);
AT(tc_pixels, bands, 56);
AT(tc_pixels, dtype, 60);
AT(tc_pixels, flags, 64);
AT(tc_pixels, reserved, 68);

SIZE(tc_target, 56);
AT(tc_target, data, 0);
AT(tc_target, pixel_stride, 8);
AT(tc_target, row_stride, 16);
AT(tc_target, band_stride, 24);
AT(tc_target, width, 32);
AT(tc_target, height, 40);
AT(tc_target, bands, 48);
AT(tc_target, dtype, 52);

SIZE(tc_open_options, 72);
AT(tc_open_options, struct_size, 0);
AT(tc_open_options, image, 4);
AT(tc_open_options, key, 8);
AT(tc_open_options, format, 16);
AT(tc_open_options, flags, 24);
AT(tc_open_options, threads, 28);
AT(tc_open_options, open_beside, 32);
AT(tc_open_options, user, 40);
AT(tc_open_options, log, 48);
AT(tc_open_options, fleet_id, 56);
AT(tc_open_options, layers, 64);
AT(tc_open_options, reserved, 68);
IS(TC_OPEN_FLEET_DIGEST, 4);

SIZE(tc_format, 56);
AT(tc_format, struct_size, 0);
AT(tc_format, flags, 4);
AT(tc_format, name, 8);
AT(tc_format, long_name, 16);
AT(tc_format, extensions, 24);
AT(tc_format, media_types, 32);
AT(tc_format, reads, 40);
AT(tc_format, lacks, 48);

SIZE(tc_prefetch_options, 24);
AT(tc_prefetch_options, struct_size, 0);
AT(tc_prefetch_options, threads, 4);
AT(tc_prefetch_options, bands, 8);
AT(tc_prefetch_options, n_bands, 16);

SIZE(tc_pass_tile, 16);
AT(tc_pass_tile, row, 0);
AT(tc_pass_tile, col, 8);

SIZE(tc_pass_options, 48);
AT(tc_pass_options, struct_size, 0);
AT(tc_pass_options, order, 4);
AT(tc_pass_options, level, 8);
AT(tc_pass_options, threads, 12);
AT(tc_pass_options, bands, 16);
AT(tc_pass_options, n_bands, 24);
AT(tc_pass_options, tiles, 32);
AT(tc_pass_options, n_tiles, 40);

SIZE(tc_prefetched, 32);
AT(tc_prefetched, tiles, 0);
AT(tc_prefetched, ready, 8);
AT(tc_prefetched, failed, 16);
AT(tc_prefetched, full, 24);

SIZE(tc_build_options, 72);
AT(tc_build_options, struct_size, 0);
AT(tc_build_options, flags, 4);
AT(tc_build_options, layout, 8);
AT(tc_build_options, compression, 12);
AT(tc_build_options, predictor, 16);
AT(tc_build_options, effort, 20);
AT(tc_build_options, quality, 24);
AT(tc_build_options, filter, 28);
AT(tc_build_options, levels, 32);
AT(tc_build_options, threads, 36);
AT(tc_build_options, tile_width, 40);
AT(tc_build_options, tile_height, 48);
AT(tc_build_options, progress, 56);
AT(tc_build_options, progress_user, 64);

SIZE(tc_sample_options, 48);
AT(tc_sample_options, struct_size, 0);
AT(tc_sample_options, flags, 4);
AT(tc_sample_options, threads, 8);
AT(tc_sample_options, level, 12);
AT(tc_sample_options, progress, 16);
AT(tc_sample_options, progress_user, 24);
AT(tc_sample_options, percents, 32);
AT(tc_sample_options, n_percents, 40);

SIZE(tc_chain_about, 40);
AT(tc_chain_about, struct_size, 0);
AT(tc_chain_about, flags, 4);
AT(tc_chain_about, least_bands, 8);
AT(tc_chain_about, most_bands, 12);
AT(tc_chain_about, bands, 16);
AT(tc_chain_about, dtype, 20);
AT(tc_chain_about, colours, 24);

SIZE(tc_convert_options, 80);
AT(tc_convert_options, struct_size, 0);
AT(tc_convert_options, dtype, 4);
AT(tc_convert_options, flags, 8);
AT(tc_convert_options, reserved, 12);
AT(tc_convert_options, low, 16);
AT(tc_convert_options, high, 24);
AT(tc_convert_options, low_percent, 32);
AT(tc_convert_options, high_percent, 40);
AT(tc_convert_options, gamma, 48);
AT(tc_convert_options, bands, 56);
AT(tc_convert_options, n_bands, 64);
AT(tc_convert_options, stats, 72);

SIZE(tc_rgba, 4);
AT(tc_rgba, red, 0);
AT(tc_rgba, green, 1);
AT(tc_rgba, blue, 2);
AT(tc_rgba, alpha, 3);

SIZE(tc_band_stats, 64);
AT(tc_band_stats, count, 0);
AT(tc_band_stats, valid, 8);
AT(tc_band_stats, nan, 16);
AT(tc_band_stats, infinite, 24);
AT(tc_band_stats, minimum, 32);
AT(tc_band_stats, maximum, 40);
AT(tc_band_stats, mean, 48);
AT(tc_band_stats, deviation, 56);

SIZE(tc_pixel_stats_about, 24);
AT(tc_pixel_stats_about, bands, 0);
AT(tc_pixel_stats_about, level, 4);
AT(tc_pixel_stats_about, flags, 8);
AT(tc_pixel_stats_about, reserved, 12);
AT(tc_pixel_stats_about, table_bytes, 16);

SIZE(tc_reader_options, 32);
AT(tc_reader_options, struct_size, 0);
AT(tc_reader_options, flags, 4);
AT(tc_reader_options, load, 8);
AT(tc_reader_options, fill, 16);

SIZE(tc_io, 40);
AT(tc_io, struct_size, 0);
AT(tc_io, flags, 4);
AT(tc_io, user, 8);
AT(tc_io, size, 16);
AT(tc_io, read_at, 24);
AT(tc_io, release, 32);

SIZE(tc_source, 160);
AT(tc_source, struct_size, 0);
AT(tc_source, threading, 4);
AT(tc_source, user, 8);
AT(tc_source, image, 16);
AT(tc_source, key, 24);
AT(tc_source, max_sessions, 32);
AT(tc_source, flags, 36);
AT(tc_source, has_block, 40);
AT(tc_source, read_block, 48);
AT(tc_source, read_window, 56);
AT(tc_source, open_session, 64);
AT(tc_source, close_session, 72);
AT(tc_source, release, 80);
AT(tc_source, band_infos, 88);
AT(tc_source, texts, 96);
AT(tc_source, n_texts, 104);
AT(tc_source, levels, 112);
AT(tc_source, mask, 120);
AT(tc_source, inputs, 128);
AT(tc_source, n_inputs, 136);
AT(tc_source, georef, 144);
AT(tc_source, fleet_id, 152);
SIZE(tc_level, 32);
AT(tc_level, width, 0);
AT(tc_level, height, 8);
AT(tc_level, block_width, 16);
AT(tc_level, block_height, 24);
SIZE(tc_text, 24);
AT(tc_text, band, 0);
AT(tc_text, reserved, 4);
AT(tc_text, name, 8);
AT(tc_text, text, 16);

SIZE(tc_generation, 16);
AT(tc_generation, counter, 0);
AT(tc_generation, random, 8);

SIZE(tc_tier_block, 104);
AT(tc_tier_block, struct_size, 0);
AT(tc_tier_block, dtype, 4);
AT(tc_tier_block, source, 8);
AT(tc_tier_block, material, 16);
AT(tc_tier_block, material_bytes, 24);
AT(tc_tier_block, generation_counter, 32);
AT(tc_tier_block, generation_random, 40);
AT(tc_tier_block, width, 48);
AT(tc_tier_block, height, 56);
AT(tc_tier_block, bands, 64);
AT(tc_tier_block, sample_bytes, 68);
AT(tc_tier_block, level, 72);
AT(tc_tier_block, row, 80);
AT(tc_tier_block, col, 88);
AT(tc_tier_block, decode_ns, 96);

SIZE(tc_tier, 128);
AT(tc_tier, struct_size, 0);
AT(tc_tier, flags, 4);
AT(tc_tier, user, 8);
AT(tc_tier, get_ns, 16);
AT(tc_tier, lease_ns, 24);
AT(tc_tier, queue_bytes, 32);
AT(tc_tier, attach, 40);
AT(tc_tier, get, 48);
AT(tc_tier, put, 56);
AT(tc_tier, lease, 64);
AT(tc_tier, unlease, 72);
AT(tc_tier, generation, 80);
AT(tc_tier, purge, 88);
AT(tc_tier, health, 96);
AT(tc_tier, release, 104);
AT(tc_tier, flush, 112);
AT(tc_tier, settle, 120);

SIZE(tc_tier_account, 88);
AT(tc_tier_account, struct_size, 0);
AT(tc_tier_account, state, 4);
AT(tc_tier_account, unreachable, 8);
AT(tc_tier_account, late, 16);
AT(tc_tier_account, garbage, 24);
AT(tc_tier_account, forged, 32);
AT(tc_tier_account, full, 40);
AT(tc_tier_account, refused, 48);
AT(tc_tier_account, round_trips, 56);
AT(tc_tier_account, bytes_sent, 64);
AT(tc_tier_account, bytes_received, 72);
AT(tc_tier_account, skipped, 80);

SIZE(tc_tier_stats, 264);
AT(tc_tier_stats, struct_size, 0);
AT(tc_tier_stats, state, 4);
AT(tc_tier_stats, gets, 8);
AT(tc_tier_stats, hits, 16);
AT(tc_tier_stats, hit_bytes, 24);
AT(tc_tier_stats, hit_nanoseconds, 32);
AT(tc_tier_stats, misses, 40);
AT(tc_tier_stats, late, 48);
AT(tc_tier_stats, refused, 56);
AT(tc_tier_stats, leases_won, 64);
AT(tc_tier_stats, leases_waited, 72);
AT(tc_tier_stats, leases_given_up, 80);
AT(tc_tier_stats, puts, 88);
AT(tc_tier_stats, put_bytes, 96);
AT(tc_tier_stats, puts_dropped, 104);
AT(tc_tier_stats, queued, 112);
AT(tc_tier_stats, unnamed, 120);
AT(tc_tier_stats, left, 128);
AT(tc_tier_stats, suspect, 136);
AT(tc_tier_stats, changes, 144);
AT(tc_tier_stats, suspicions, 152);
AT(tc_tier_stats, purges, 160);
AT(tc_tier_stats, purges_failed, 168);
AT(tc_tier_stats, unreachable, 176);
AT(tc_tier_stats, store_late, 184);
AT(tc_tier_stats, garbage, 192);
AT(tc_tier_stats, forged, 200);
AT(tc_tier_stats, full, 208);
AT(tc_tier_stats, denied, 216);
AT(tc_tier_stats, round_trips, 224);
AT(tc_tier_stats, bytes_sent, 232);
AT(tc_tier_stats, bytes_received, 240);
AT(tc_tier_stats, skipped, 248);
AT(tc_tier_stats, owed, 256);

IS(TC_TIER_MISS, 0);
IS(TC_TIER_PIXELS, 1);
IS(TC_TIER_LEASED, 2);
IS(TC_TIER_BUSY, 3);
IS(TC_TIER_CLOSED, 0);
IS(TC_TIER_OPEN, 1);
IS(TC_TIER_HALF_OPEN, 2);
IS(TC_TIER_FULL, 3);
IS(TC_TIER_DENIED, 4);

SIZE(tc_mosaic_part, 48);
AT(tc_mosaic_part, provider, 0);
AT(tc_mosaic_part, key, 8);
AT(tc_mosaic_part, x, 16);
AT(tc_mosaic_part, y, 24);
AT(tc_mosaic_part, width, 32);
AT(tc_mosaic_part, height, 40);

SIZE(tc_mosaic_options, 72);
AT(tc_mosaic_options, struct_size, 0);
AT(tc_mosaic_options, flags, 4);
AT(tc_mosaic_options, image, 8);
AT(tc_mosaic_options, band_infos, 16);
AT(tc_mosaic_options, texts, 24);
AT(tc_mosaic_options, n_texts, 32);
AT(tc_mosaic_options, open, 40);
AT(tc_mosaic_options, user, 48);
AT(tc_mosaic_options, release, 56);
AT(tc_mosaic_options, max_open, 64);
AT(tc_mosaic_options, reserved, 68);

SIZE(tc_map_options, 112);
AT(tc_map_options, struct_size, 0);
AT(tc_map_options, dtype, 4);
AT(tc_map_options, bands, 8);
AT(tc_map_options, flags, 12);
AT(tc_map_options, source_bands, 16);
AT(tc_map_options, n_source_bands, 24);
AT(tc_map_options, name, 32);
AT(tc_map_options, map, 40);
AT(tc_map_options, user, 48);
AT(tc_map_options, release, 56);
AT(tc_map_options, bits, 64);
AT(tc_map_options, reserved, 68);
AT(tc_map_options, pad, 72);
AT(tc_map_options, band_infos, 88);
AT(tc_map_options, texts, 96);
AT(tc_map_options, n_texts, 104);

SIZE(tc_gcp, 56);
AT(tc_gcp, pixel, 0);
AT(tc_gcp, line, 8);
AT(tc_gcp, x, 16);
AT(tc_gcp, y, 24);
AT(tc_gcp, z, 32);
AT(tc_gcp, id, 40);
AT(tc_gcp, info, 48);

SIZE(tc_georef, 104);
AT(tc_georef, struct_size, 0);
AT(tc_georef, flags, 4);
AT(tc_georef, transform, 8);
AT(tc_georef, wkt, 56);
AT(tc_georef, epsg, 64);
AT(tc_georef, vertical_epsg, 68);
AT(tc_georef, vertical_unit, 72);
AT(tc_georef, gcps, 80);
AT(tc_georef, n_gcps, 88);
AT(tc_georef, rpc, 96);
#endif

IS(TC_OK, 0);
IS(TC_E_ARGUMENT, 1);
IS(TC_E_RANGE, 2);
IS(TC_E_NOT_FOUND, 3);
IS(TC_E_NOT_RESIDENT, 4);
IS(TC_E_CANCELLED, 5);
IS(TC_E_REENTRANT, 6);
IS(TC_E_NO_MEMORY, 7);
IS(TC_E_LIMIT, 8);
IS(TC_E_IO, 9);
IS(TC_E_CORRUPT, 10);
IS(TC_E_UNSUPPORTED, 11);
IS(TC_E_CHANGED, 12);
IS(TC_E_SOURCE, 13);
IS(TC_E_INTERNAL, 14);
IS(TC_E_UNREACHABLE, 15);

IS(TC_U8, 1);
IS(TC_I8, 2);
IS(TC_U16, 3);
IS(TC_I16, 4);
IS(TC_U32, 5);
IS(TC_I32, 6);
IS(TC_U64, 7);
IS(TC_I64, 8);
IS(TC_F32, 10);
IS(TC_F64, 11);
IS(TC_CI16, 20);
IS(TC_CI32, 21);
IS(TC_CF32, 22);
IS(TC_CF64, 23);

IS(TC_COLOUR_UNDEFINED, 0);
IS(TC_COLOUR_GRAY, 1);
IS(TC_COLOUR_PALETTE, 2);
IS(TC_COLOUR_RED, 3);
IS(TC_COLOUR_GREEN, 4);
IS(TC_COLOUR_BLUE, 5);
IS(TC_COLOUR_ALPHA, 6);
IS(TC_COLOUR_CYAN, 7);
IS(TC_COLOUR_MAGENTA, 8);
IS(TC_COLOUR_YELLOW, 9);
IS(TC_COLOUR_BLACK, 10);
IS(TC_COLOUR_LUMA, 11);
IS(TC_COLOUR_CB, 12);
IS(TC_COLOUR_CR, 13);

IS(TC_IMAGE_HAS_NODATA, 1);
IS(TC_IMAGE_BANDS_TOGETHER, 2);
IS(TC_IMAGE_SPARSE, 4);
IS(TC_IMAGE_WINDOWED, 8);
IS(TC_IMAGE_HAS_MASK, 16);
IS(TC_IMAGE_PADDED, 32);
IS(TC_IMAGE_DEFER_RELEASE, 64);
IS(TC_BAND_HAS_NODATA, 1);
IS(TC_PIXELS_ABSENT, 1);
IS(TC_PIXELS_DEFER_RELEASE, 2);
IS(TC_READ_STREAMING, 1);
IS(TC_READ_BYPASS, 2);
IS(TC_BAND_OPAQUE, -1);
IS(TC_CONCURRENT, 1);
IS(TC_ONE_AT_A_TIME, 2);
IS(TC_SESSIONS, 3);
IS(TC_SOURCE_BANDS, 1);
IS(TC_GEOREF_HAS_TRANSFORM, 1);
IS(TC_GEOREF_PIXEL_IS_POINT, 2);
IS(TC_MAP_DROP_GEOREF, 16);
IS(TC_COMPUTE_KEEP_GEOREF, 16);
IS(TC_LIBRARY_VERSION, TC_LIBRARY_VERSION_MAJOR << 16 | TC_LIBRARY_VERSION_MINOR << 8 | TC_LIBRARY_VERSION_PATCH);

/* ---- sizes ---- */

#define SIZE_AND_ALIGN(type) sizeof(type), offsetof(struct { char before; type one; }, one)

/* Sizes that no header says: a number that was not set, that of a pointer, or one within a member. */
static bool is_no_size(size_t size, size_t own, size_t align)
{
  return size < own || size > 4096 || size % align != 0;
}

/* ---- size-led structs that go in ---- */

/* Room for the struct of a caller who knows more members than we. */
enum { ROOM = 256, NEWER = 24 };

typedef union { uint32_t struct_size; uint64_t align; unsigned char bytes[ROOM]; } led;

static source image;
static tc_provider *provider;
static tc_cache *cache;

static int open_fixture(void **state)
{
  (void)state;
  source_init(&image, 64, 64, 32, 32, 1, TC_U8);
  provider = open_source(&image);
  cache = new_cache(1 << 16);
  return 0;
}

static int close_fixture(void **state)
{
  (void)state;
  tc_release(cache);
  provider_release(provider);
  /* A prefetch may still have it for a moment. */
  for (int ms = 0; image.released == 0 && ms < 20000; ms++)
    sleep_ms(1);
  source_done(&image);
  return 0;
}

static tc_status drop(tc_status status, tc_provider *made)
{
  provider_release(made);
  return status;
}

static tc_status into_create(const led *l, tc_error *e)
{
  tc_cache *made = NULL;
  tc_status status = tc_create(0, (const tc_cache_options *)l, &made, e);
  tc_release(made);
  return status;
}

static tc_status into_log(const led *l, tc_error *e)
{
  tc_cache *made = NULL;
  const tc_cache_options o = {.struct_size = sizeof o, .log = (const tc_log *)l};
  tc_status status = tc_create(0, &o, &made, e);
  tc_release(made);
  return status;
}

static tc_status into_retile(const led *l, tc_error *e)
{
  tc_provider *made = NULL;
  tc_status status = provider_retile(provider, (const tc_retile_options *)l, NULL, &made, e);
  return drop(status, made);
}

static tc_status into_downsample(const led *l, tc_error *e)
{
  tc_provider *made = NULL;
  tc_status status = provider_downsample(provider, (const tc_level_options *)l, NULL, &made, e);
  return drop(status, made);
}

static tc_status into_warp(const led *l, tc_error *e)
{
  const double same[6] = {0, 1, 0, 0, 0, 1};
  tc_transform *transform = NULL;
  tc_provider *made = NULL;
  tc_status status = tc_transform_affine(same, &transform, NULL);
  if (status == TC_OK)
    status = provider_warp(provider, transform, (const tc_warp_options *)l, NULL, &made, e);
  tc_transform_release(transform);
  return drop(status, made);
}

static tc_status into_heights(const led *l, tc_error *e)
{
  const double same[6] = {0, 1, 0, 0, 0, 1};
  const tc_rpc rpc = {.line_scale = 1, .samp_scale = 1, .lat_scale = 1, .long_scale = 1, .height_scale = 1};
  tc_transform *transform = NULL;
  tc_status status = tc_transform_rpc_heights(&rpc, same, provider, (const tc_heights_options *)l, NULL, &transform, e);
  tc_transform_release(transform);
  return status;
}

static tc_status into_prefetch(const led *l, tc_error *e)
{
  tc_provider *kept = cached(provider, cache);
  tc_status status = provider_prefetch(kept, 0, 0, 0, 0, 0, (const tc_prefetch_options *)l, NULL, NULL, e);
  provider_release(kept);
  return status;
}

static tc_status into_pass(const led *l, tc_error *e)
{
  tc_provider *made = NULL;
  tc_status status = provider_pass(provider, (const tc_pass_options *)l, &made, e);
  return drop(status, made);
}

static tc_status into_pixel_stats(const led *l, tc_error *e)
{
  tc_pixel_stats *made = NULL;
  tc_status status = provider_pixel_stats(provider, (const tc_sample_options *)l, &made, e);
  tc_pixel_stats_release(made);
  return status;
}

/* What the call came to after it had taken the struct is a success here. */
static tc_status taken(tc_status status, tc_status beyond, tc_error *e)
{
  return status == beyond ? tc_clear(cache, e) : status;
}

static tc_status into_build(const led *l, tc_error *e)
{
  tc_status status = tc_build_pyramid(provider, "/no such folder/file", (const tc_build_options *)l, NULL, e);
  return taken(status, TC_E_NOT_FOUND, e);
}

static tc_status into_convert(const led *l, tc_error *e)
{
  tc_provider *made = NULL;
  tc_status status = provider_convert(provider, (const tc_convert_options *)l, NULL, &made, e);
  return drop(status, made);
}

static tc_status into_reader(const led *l, tc_error *e)
{
  tc_provider *made = NULL;
  tc_status status = provider_reader(provider, (const tc_reader_options *)l, &made, e);
  return drop(status, made);
}

static tc_status into_map(const led *l, tc_error *e)
{
  tc_provider *made = NULL;
  tc_status status = provider_map(provider, (const tc_map_options *)l, NULL, &made, e);
  return drop(status, made);
}

static tc_status into_source(const led *l, tc_error *e)
{
  tc_provider *made = NULL;
  tc_status status = provider_from_source((const tc_source *)l, &made, e);
  return drop(status, made);
}

static tc_status into_image(const led *l, tc_error *e)
{
  source s = image;
  tc_provider *made = NULL;
  tc_source t = source_struct(&s);
  t.image = (const tc_image_info *)l;
  t.release = NULL;
  tc_status status = provider_from_source(&t, &made, e);
  return drop(status, made);
}

static tc_status into_open(const led *l, tc_error *e)
{
  tc_provider *made = NULL;
  return taken(provider_open("/no such file", (const tc_open_options *)l, &made, e), TC_E_NOT_FOUND, e);
}

static tc_status into_open_io(const led *l, tc_error *e)
{
  tc_provider *made = NULL;
  return taken(provider_open_io((const tc_io *)l, NULL, &made, e), TC_E_UNSUPPORTED, e);
}

static tc_status into_memory(const led *l, tc_error *e)
{
  static unsigned char pixel;
  const tc_target array = {&pixel, 0, 0, 0, 1, 1, 1, TC_U8};
  tc_provider *made = NULL;
  tc_status status = provider_from_memory(&array, (const tc_image_info *)l, NULL, NULL, NULL, &made, e);
  return drop(status, made);
}

static tc_status into_band_infos(const led *l, tc_error *e)
{
  source s = image;
  tc_provider *made = NULL;
  tc_source t = source_struct(&s);
  t.band_infos = (const tc_band_info *)l;
  t.release = NULL;
  tc_status status = provider_from_source(&t, &made, e);
  return drop(status, made);
}

static tc_status into_georef(const led *l, tc_error *e)
{
  tc_provider *made = NULL;
  tc_status status = provider_with_georef(provider, (const tc_georef *)l, &made, e);
  return drop(status, made);
}

static tc_status read_nothing(void *user, int64_t offset, void *into, size_t bytes, tc_error *error)
{
  (void)user, (void)offset, (void)error;
  memset(into, 0, bytes);
  return TC_OK;
}

static void make_io(led *l)
{
  tc_io *io = (tc_io *)l;
  io->size = 64;
  io->read_at = read_nothing;
}

static void make_array_image(led *l)
{
  tc_image_info *info = (tc_image_info *)l;
  info->dtype = TC_U8;
  info->width = info->height = 1;
}

static void make_options(led *l)
{
  (void)l;
}

static tc_status map_nothing(void *user, int64_t row, int64_t col, int32_t level, const tc_pixels *in,
                             const tc_target *out, tc_error *error)
{
  (void)user, (void)row, (void)col, (void)level, (void)in, (void)out, (void)error;
  return TC_OK;
}

static void hear_nothing(void *user, int32_t level, int32_t event, const char *subject, const char *text)
{
  (void)user, (void)level, (void)event, (void)subject, (void)text;
}

static void make_log(led *l)
{
  ((tc_log *)l)->write = hear_nothing;
}

static void make_map(led *l)
{
  ((tc_map_options *)l)->map = map_nothing;
}

static void make_warp(led *l)
{
  /* Too short a struct has no size of an output. */
  ((tc_warp_options *)l)->width = 10;
  ((tc_warp_options *)l)->height = 10;
}

static void make_heights(led *l)
{
  tc_heights_options *o = (tc_heights_options *)l;
  o->flags = TC_HEIGHTS_HAS_TRANSFORM;
  o->transform[1] = o->transform[5] = 1;
}

static void make_source(led *l)
{
  static source s;
  s = image;
  tc_source t = source_struct(&s);
  t.release = NULL;
  memcpy(l, &t, sizeof t);
}

static void make_image(led *l)
{
  memcpy(l, &image.image, sizeof image.image);
}

static const struct {
  const char *name;
  size_t size, align;
  void (*make)(led *);
  tc_status (*call)(const led *, tc_error *);
} inputs[] = {
  {"options", SIZE_AND_ALIGN(tc_cache_options), make_options, into_create},
  {"log", SIZE_AND_ALIGN(tc_log), make_log, into_log},
  {"options", SIZE_AND_ALIGN(tc_retile_options), make_options, into_retile},
  {"options", SIZE_AND_ALIGN(tc_level_options), make_options, into_downsample},
  {"options", SIZE_AND_ALIGN(tc_warp_options), make_warp, into_warp},
  {"options", SIZE_AND_ALIGN(tc_heights_options), make_heights, into_heights},
  {"options", SIZE_AND_ALIGN(tc_reader_options), make_options, into_reader},
  {"options", SIZE_AND_ALIGN(tc_prefetch_options), make_options, into_prefetch},
  {"options", SIZE_AND_ALIGN(tc_pass_options), make_options, into_pass},
  {"options", SIZE_AND_ALIGN(tc_sample_options), make_options, into_pixel_stats},
  {"options", SIZE_AND_ALIGN(tc_build_options), make_options, into_build},
  {"options", SIZE_AND_ALIGN(tc_convert_options), make_options, into_convert},
  {"options", SIZE_AND_ALIGN(tc_map_options), make_map, into_map},
  {"options", SIZE_AND_ALIGN(tc_open_options), make_options, into_open},
  {"io", SIZE_AND_ALIGN(tc_io), make_io, into_open_io},
  {"source", SIZE_AND_ALIGN(tc_source), make_source, into_source},
  {"image", SIZE_AND_ALIGN(tc_image_info), make_image, into_image},
  {"image", SIZE_AND_ALIGN(tc_image_info), make_array_image, into_memory},
  {"band_infos[0]", SIZE_AND_ALIGN(tc_band_info), make_options, into_band_infos},
  {"georef", SIZE_AND_ALIGN(tc_georef), make_options, into_georef},
};

static void structs_that_go_in_say_their_size(void **state)
{
  (void)state;
  for (size_t i = 0; i < COUNT(inputs); i++) {
    const size_t own = inputs[i].size;
    const size_t far[] = {4096, 4097, 4104, UINT32_MAX};
    for (size_t n = 0; n < own + NEWER + 1 + COUNT(far); n++) {
      static union { led l; unsigned char room[5000]; } u;
      memset(&u, 0, sizeof u);
      inputs[i].make(&u.l);
      size_t size = n <= own + NEWER ? n : far[n - own - NEWER - 1];
      u.l.struct_size = (uint32_t)size;
      if (is_no_size(size, own, inputs[i].align))
        fails(TC_E_ARGUMENT, inputs[i].name, inputs[i].call(&u.l, &err));
      else
        ok(inputs[i].call(&u.l, &err)); /* a newer caller asks for nothing new */
    }
    led l;
    memset(&l, 0, sizeof l);
    inputs[i].make(&l);
    l.bytes[own + NEWER - 1] = 1;
    l.struct_size = (uint32_t)own; /* what lies behind a struct is not ours */
    ok(inputs[i].call(&l, &err));
    l.struct_size = (uint32_t)(own + NEWER); /* a newer caller asks for something new */
    fails(TC_E_ARGUMENT, inputs[i].name, inputs[i].call(&l, &err));
  }
}

/* ---- size-led structs that come out ---- */

static tc_status out_of_statistics(led *l, tc_error *e)
{
  return tc_statistics(cache, (tc_cache_stats *)l, e);
}

static tc_status out_of_counters(led *l, tc_error *e)
{
  return provider_counters(provider, (tc_cache_stats *)l, NULL, e);
}

static tc_status out_of_info(led *l, tc_error *e)
{
  return provider_info(provider, (tc_image_info *)l, e);
}

static tc_status out_of_band_info(led *l, tc_error *e)
{
  return provider_band_info(provider, 0, (tc_band_info *)l, e);
}

static tc_status out_of_georef(led *l, tc_error *e)
{
  return provider_georef(provider, 0, (tc_georef *)l, e);
}

static tc_status out_of_chain(led *l, tc_error *e)
{
  tc_chain *chain = NULL;
  tc_status status = tc_chain_parse("bands=2|minmax|alpha|u8", &chain, e);
  if (!status)
    status = tc_chain_info(chain, (tc_chain_about *)l, e);
  tc_chain_release(chain);
  return status;
}

static tc_status out_of_format(led *l, tc_error *e)
{
  return tc_format_info(0, (tc_format *)l, e);
}

static const struct {
  const char *name;
  size_t size, align;
  tc_status (*call)(led *, tc_error *);
} outputs[] = {
  {"stats", SIZE_AND_ALIGN(tc_cache_stats), out_of_statistics},
  {"stats", SIZE_AND_ALIGN(tc_cache_stats), out_of_counters},
  {"info", SIZE_AND_ALIGN(tc_image_info), out_of_info},
  {"info", SIZE_AND_ALIGN(tc_band_info), out_of_band_info},
  {"format", SIZE_AND_ALIGN(tc_format), out_of_format},
  {"georef", SIZE_AND_ALIGN(tc_georef), out_of_georef},
  {"about", SIZE_AND_ALIGN(tc_chain_about), out_of_chain},
};

/* All that we know is written, what we do not know is zero, and what is refused is left alone. */
static void structs_that_come_out_fill_what_is_known(void **state)
{
  (void)state;
  enum { GUARD = 0x5a };
  for (size_t i = 0; i < COUNT(outputs); i++) {
    led whole;
    memset(&whole, 0, sizeof whole);
    whole.struct_size = (uint32_t)outputs[i].size;
    ok(outputs[i].call(&whole, &err));
    for (size_t size = 0; size <= outputs[i].size + NEWER; size++) {
      led l;
      memset(&l, GUARD, sizeof l);
      l.struct_size = (uint32_t)size;
      size_t written = 4;
      if (is_no_size(size, outputs[i].size, outputs[i].align)) {
        fails(TC_E_ARGUMENT, outputs[i].name, outputs[i].call(&l, &err));
      } else {
        ok(outputs[i].call(&l, &err));
        written = size;
        assert_memory_equal(l.bytes + 4, whole.bytes + 4, outputs[i].size - 4);
      }
      assert_int_equal(l.struct_size, size);
      for (size_t at = written == 4 ? 4 : outputs[i].size; at < ROOM; at++)
        assert_int_equal(l.bytes[at], at < written ? 0 : GUARD);
    }
    led l;
    memset(&l, GUARD, sizeof l);
    l.struct_size = UINT32_MAX;
    fails(TC_E_ARGUMENT, outputs[i].name, outputs[i].call(&l, &err));
    for (size_t at = 4; at < ROOM; at++)
      assert_int_equal(l.bytes[at], GUARD);
  }
}

/* On success only the code and the first byte of the message are written, as callers in a hurry like. */
static void success_writes_little_of_the_error(void **state)
{
  (void)state;
  tc_error e;
  memset(&e, 0x5a, sizeof e);
  assert_int_equal(tc_clear(cache, &e), TC_OK);
  assert_int_equal(e.code, TC_OK);
  assert_int_equal(e.message[0], 0);
  assert_int_equal(e.source_code, 0x5a5a5a5a);
  for (size_t at = 1; at < sizeof e.message; at++)
    assert_int_equal(e.message[at], 0x5a);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(structs_that_go_in_say_their_size),
    cmocka_unit_test(structs_that_come_out_fill_what_is_known),
    cmocka_unit_test(success_writes_little_of_the_error),
  };
  return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
