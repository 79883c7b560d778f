/* The functions of C that the library calls for those of Go, and calls that Go has in one step. */
#ifndef TILECACHE_GO_BRIDGE_H
#define TILECACHE_GO_BRIDGE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <tilecache.h>

/* A tile and where its pixels are. */
typedef struct tcgo_got {
  tc_status status;
  tc_tile *tile;
  tc_pixels pixels;
} tcgo_got;

/* How a block is had. */
enum { TCGO_TRY, TCGO_PEEK, TCGO_GET };
tcgo_got tcgo_block(int how, tc_provider *provider, int64_t row, int64_t col, int32_t level, const int32_t *bands,
                    size_t n_bands, tc_error *err);
tcgo_got tcgo_cached(int how, tc_cache *cache, const char *key, int64_t row, int64_t col, int32_t level,
                     const int32_t *bands, size_t n_bands, tc_error *err);
tcgo_got tcgo_again(tc_tile *tile);

tc_status tcgo_request(tc_provider *provider, int64_t row, int64_t col, int32_t level, const int32_t *bands,
                       size_t n_bands, uintptr_t request, tc_error *err);
tc_status tcgo_prefetch(tc_provider *provider, int64_t x, int64_t y, int64_t width, int64_t height, int32_t level,
                        const tc_prefetch_options *options, uintptr_t request, tc_error *err);

/* Copies into memory that is Go's, which no struct may point to. `array` has all but the place of its first sample. */
tc_status tcgo_read_window(tc_provider *provider, int64_t x, int64_t y, int32_t level, const int32_t *bands,
                           size_t n_bands, void *data, tc_target array, tc_error *err);
tc_status tcgo_tile_copy(const tc_tile *tile, int64_t x, int64_t y, const int32_t *bands, size_t n_bands, void *data,
                         tc_target array, tc_error *err);

/* Puts a copy of what lies there. */
tc_status tcgo_put(tc_cache *cache, const char *key, int64_t row, int64_t col, int32_t level, const int32_t *bands,
                   size_t n_bands, void *data, tc_target array, tc_error *err);

tc_status tcgo_chain_apply(const tc_chain *chain, void *data, tc_target array, void *mask, tc_target mask_array,
                           void *out, tc_target out_array, tc_error *err);

/* An image of a copy of what lies there. */
tc_status tcgo_from_memory(const void *data, tc_target array, size_t sample, const tc_image_info *image, const char *key,
                           tc_provider **provider, tc_error *err);

/* Whether this thread works for a load, as inside a callback. */
int tcgo_is_loading(void);

/* What `user` of a callback points to: memory of C with the number of a value of Go. */
typedef struct tcgo_user {
  uintptr_t handle;
} tcgo_user;

tc_status tcgo_has_block(void *user, int64_t row, int64_t col, int32_t level, int32_t *has, tc_error *err);
tc_status tcgo_read_block(void *user, void *session, int64_t row, int64_t col, int32_t level, const int32_t *bands,
                          const tc_target *into, tc_error *err);
tc_status tcgo_read_part(void *user, void *session, int64_t x, int64_t y, int32_t level, const int32_t *bands,
                         const tc_target *into, tc_error *err);
tc_status tcgo_open_session(void *user, void **session, tc_error *err);
void tcgo_close_session(void *user, void *session);
tc_status tcgo_read_at(void *user, int64_t offset, void *into, size_t bytes, tc_error *err);
tc_status tcgo_open_beside(void *user, const char *suffix, tc_io *io, tc_error *err);
tc_status tcgo_map(void *user, int64_t row, int64_t col, int32_t level, const tc_pixels *in, const tc_target *out,
                   tc_error *err);
tc_status tcgo_compute(void *user, const tc_place *place, const tc_pixels *inputs, size_t n_inputs,
                       const tc_target *out, tc_error *err);
tc_status tcgo_open_part(void *user, size_t part, tc_provider **provider, tc_error *err);
int tcgo_transform(void *user, int to_source, int n, double *x, double *y, double *z, int *ok);
int tcgo_progress(double done, const char *text, void *user);
void tcgo_log(void *user, int32_t level, int32_t event, const char *subject, const char *text);
tc_status tcgo_write(void *user, const char *text, size_t bytes, tc_error *err);
void tcgo_release(void *user);

#endif
