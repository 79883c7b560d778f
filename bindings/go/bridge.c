#include "bridge.h"
#include <stdio.h>

#include "_cgo_export.h"

static tcgo_got seen(tcgo_got got)
{
  tc_tile_pixels(got.tile, &got.pixels);
  return got;
}

tcgo_got tcgo_block(int how, tc_provider *provider, int64_t row, int64_t col, int32_t level, const int32_t *bands,
                    size_t n_bands, tc_error *err)
{
  tcgo_got got = {TC_OK, NULL, {NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}};
  got.status = (how == TCGO_TRY    ? provider_try_block
                : how == TCGO_PEEK ? provider_peek_block
                                   : provider_get_block)(provider, row, col, level, bands, n_bands, &got.tile, err);
  return seen(got);
}

tcgo_got tcgo_cached(int how, tc_cache *cache, const char *key, int64_t row, int64_t col, int32_t level,
                     const int32_t *bands, size_t n_bands, tc_error *err)
{
  tcgo_got got = {TC_OK, NULL, {NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}};
  got.status = (how == TCGO_PEEK ? tc_peek : tc_get)(cache, key, row, col, level, bands, n_bands, &got.tile, err);
  return seen(got);
}

tcgo_got tcgo_again(tc_tile *tile)
{
  tcgo_got got = {TC_OK, tc_tile_retain(tile), {NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}};
  if (got.tile == NULL)
    got.status = TC_E_ARGUMENT;
  return seen(got);
}

static void done(void *user, tc_status status, tc_tile *tile, const tc_error *err)
{
  tcgo_user *request = user;
  tcgo_got got = {status, tile, {NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}};
  got = seen(got);
  tilecacheGoDone(request->handle, &got, (tc_error *)err);
  free(request);
}

tc_status tcgo_request(tc_provider *provider, int64_t row, int64_t col, int32_t level, const int32_t *bands,
                       size_t n_bands, uintptr_t request, tc_error *err)
{
  tcgo_user *user = malloc(sizeof *user);
  tc_status status = TC_E_NO_MEMORY;
  if (user != NULL) {
    user->handle = request;
    status = provider_request_block(provider, row, col, level, bands, n_bands, done, user, err);
    if (status != TC_OK)
      free(user);
  }
  return status;
}

static void prefetched(void *user, tc_status status, const tc_prefetched *how_far, const tc_error *err)
{
  tcgo_user *request = user;
  tilecacheGoPrefetched(request->handle, status, (tc_prefetched *)how_far, (tc_error *)err);
  free(request);
}

tc_status tcgo_prefetch(tc_provider *provider, int64_t x, int64_t y, int64_t width, int64_t height, int32_t level,
                        const tc_prefetch_options *options, uintptr_t request, tc_error *err)
{
  tcgo_user *user = malloc(sizeof *user);
  tc_status status = TC_E_NO_MEMORY;
  if (user != NULL) {
    user->handle = request;
    status = provider_prefetch(provider, x, y, width, height, level, options, prefetched, user, err);
    if (status != TC_OK)
      free(user);
  }
  return status;
}

tc_status tcgo_read_window(tc_provider *provider, int64_t x, int64_t y, int32_t level, const int32_t *bands,
                           size_t n_bands, void *data, tc_target array, tc_error *err)
{
  array.data = data;
  return provider_read_window(provider, x, y, level, bands, n_bands, &array, err);
}

tc_status tcgo_tile_copy(const tc_tile *tile, int64_t x, int64_t y, const int32_t *bands, size_t n_bands, void *data,
                         tc_target array, tc_error *err)
{
  array.data = data;
  return tc_tile_copy(tile, x, y, bands, n_bands, &array, err);
}

static tc_pixels readable(const void *data, tc_target array)
{
  const tc_pixels pixels = {data, array.width, array.height, array.row_stride, array.band_stride, array.width,
                            array.height, array.bands, array.dtype, 0, 0};
  return pixels;
}

tc_status tcgo_chain_apply(const tc_chain *chain, void *data, tc_target array, void *mask, tc_target mask_array,
                           void *out, tc_target out_array, tc_error *err)
{
  const tc_pixels input = readable(data, array), where = readable(mask, mask_array);
  out_array.data = out;
  return tc_chain_apply(chain, &input, mask == NULL ? NULL : &where, &out_array, err);
}

tc_status tcgo_put(tc_cache *cache, const char *key, int64_t row, int64_t col, int32_t level, const int32_t *bands,
                   size_t n_bands, void *data, tc_target array, tc_error *err)
{
  const tc_pixels pixels = readable(data, array);
  return tc_put(cache, key, row, col, level, bands, n_bands, &pixels, NULL, NULL, err);
}

tc_status tcgo_from_memory(const void *data, tc_target array, size_t sample, const tc_image_info *image,
                           const char *key, tc_provider **provider, tc_error *err)
{
  const char *from = data;
  size_t bytes = (size_t)array.width * (size_t)array.height * (size_t)array.bands * sample;
  char *to = malloc(bytes);
  tc_status status;
  array.data = to;
  if (to == NULL) {
    err->code = TC_E_NO_MEMORY;
    err->source_code = 0;
    snprintf(err->message, sizeof err->message, "%zu bytes for a copy of the array", bytes);
    return TC_E_NO_MEMORY;
  }
  for (int64_t band = 0; band < array.bands; band++)
    for (int64_t y = 0; y < array.height; y++)
      for (int64_t x = 0; x < array.width; x++, to += sample)
        memcpy(to, from + band * array.band_stride + y * array.row_stride + x * array.pixel_stride, sample);
  array.pixel_stride = array.row_stride = array.band_stride = 0;
  status = provider_from_memory(&array, image, key, free, array.data, provider, err);
  if (status != TC_OK)
    free(array.data);
  return status;
}

int tcgo_is_loading(void)
{
  tc_load *load = tc_load_current();
  tc_load_release(load);
  return load != NULL;
}

static uintptr_t handle(void *user)
{
  return ((tcgo_user *)user)->handle;
}

static uintptr_t session_number(void *session)
{
  return session == NULL ? 0 : ((tcgo_user *)session)->handle;
}

tc_status tcgo_has_block(void *user, int64_t row, int64_t col, int32_t level, int32_t *has, tc_error *err)
{
  tc_load *load = tc_load_current();
  tc_status status = tilecacheGoHasBlock(handle(user), load, row, col, level, has, err);
  tc_load_release(load);
  return status;
}

tc_status tcgo_read_block(void *user, void *session, int64_t row, int64_t col, int32_t level, const int32_t *bands,
                          const tc_target *into, tc_error *err)
{
  tc_load *load = tc_load_current();
  tc_status status = tilecacheGoReadBlock(handle(user), load, session_number(session), row, col, level,
                                          (int32_t *)bands, (tc_target *)into, err);
  tc_load_release(load);
  return status;
}

tc_status tcgo_read_part(void *user, void *session, int64_t x, int64_t y, int32_t level, const int32_t *bands,
                         const tc_target *into, tc_error *err)
{
  tc_load *load = tc_load_current();
  tc_status status = tilecacheGoReadWindow(handle(user), load, session_number(session), x, y, level,
                                           (int32_t *)bands, (tc_target *)into, err);
  tc_load_release(load);
  return status;
}

tc_status tcgo_open_session(void *user, void **session, tc_error *err)
{
  tcgo_user *opened = calloc(1, sizeof *opened);
  tc_status status = TC_E_NO_MEMORY;
  if (opened != NULL) {
    status = tilecacheGoOpenSession(handle(user), &opened->handle, err);
    if (status == TC_OK)
      *session = opened;
    else
      free(opened);
  }
  return status;
}

void tcgo_close_session(void *user, void *session)
{
  tilecacheGoCloseSession(handle(user), session_number(session));
  free(session);
}

tc_status tcgo_read_at(void *user, int64_t offset, void *into, size_t bytes, tc_error *err)
{
  return tilecacheGoReadAt(handle(user), offset, into, bytes, err);
}

tc_status tcgo_open_beside(void *user, const char *suffix, tc_io *io, tc_error *err)
{
  tcgo_user *opened = calloc(1, sizeof *opened);
  tc_status status = TC_E_NO_MEMORY;
  if (opened != NULL) {
    status = tilecacheGoOpenBeside(handle(user), (char *)suffix, &opened->handle, &io->size, err);
    if (status == TC_OK) {
      io->user = opened;
      io->read_at = tcgo_read_at;
      io->release = tcgo_release;
    } else {
      free(opened);
    }
  }
  return status;
}

tc_status tcgo_map(void *user, int64_t row, int64_t col, int32_t level, const tc_pixels *in, const tc_target *out,
                   tc_error *err)
{
  tc_load *load = tc_load_current();
  tc_status status =
      tilecacheGoMap(handle(user), load, row, col, level, (tc_pixels *)in, (tc_target *)out, err);
  tc_load_release(load);
  return status;
}

tc_status tcgo_compute(void *user, const tc_place *place, const tc_pixels *inputs, size_t n_inputs,
                       const tc_target *out, tc_error *err)
{
  tc_load *load = tc_load_current();
  tc_status status = tilecacheGoCompute(handle(user), load, (tc_place *)place, (tc_pixels *)inputs, n_inputs,
                                        (tc_target *)out, err);
  tc_load_release(load);
  return status;
}

tc_status tcgo_open_part(void *user, size_t part, tc_provider **provider, tc_error *err)
{
  tc_load *load = tc_load_current();
  tc_status status = tilecacheGoOpenPart(handle(user), load, part, provider, err);
  tc_load_release(load);
  return status;
}

int tcgo_transform(void *user, int to_source, int n, double *x, double *y, double *z, int *ok)
{
  (void)to_source, (void)z;
  return tilecacheGoTransform(handle(user), n, x, y, ok);
}

int tcgo_progress(double done, const char *text, void *user)
{
  (void)text;
  return tilecacheGoProgress(handle(user), done);
}

void tcgo_log(void *user, int32_t level, int32_t event, const char *subject, const char *text)
{
  tilecacheGoLog(handle(user), level, event, (char *)subject, (char *)text);
}

tc_status tcgo_write(void *user, const char *text, size_t bytes, tc_error *err)
{
  return tilecacheGoWrite(handle(user), (char *)text, bytes, err);
}

void tcgo_release(void *user)
{
  tilecacheGoRelease(handle(user));
  free(user);
}
