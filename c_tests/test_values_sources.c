/* Sources: callbacks and caller's memory deliver the right pixels and are treated as they asked. */
#include "support.h"

static const tc_dtype dtypes[] = {TC_U8,  TC_I8,  TC_U16, TC_I16,  TC_U32,  TC_I32,  TC_U64,
                                  TC_I64, TC_F32, TC_F64, TC_CI16, TC_CI32, TC_CF32, TC_CF64};

static void assert_all_blocks(source *s, tc_provider *p)
{
  tc_image_info info = info_of(p);
  for (int32_t level = 0; level < info.levels; level++)
    for (int64_t row = 0; row < info.grid_rows; row++)
      for (int64_t col = 0; col < info.grid_cols; col++) {
        area at = cell(info.width, info.height, info.block_width, info.block_height, row, col, level);
        tc_tile *tile = get(p, row, col, level);
        assert_tile(s, tile, at, level, NULL, info.bands);
        tc_tile_release(tile);
      }
}

static void an_image_describes_itself(void **state)
{
  (void)state;
  source s;
  source_init(&s, 101, 57, 40, 30, 3, TC_U16);
  s.image.levels = 3;
  s.image.bits = 11;
  s.image.pad[0] = 9;
  s.image.nodata[0] = 8;
  s.image.flags = TC_IMAGE_HAS_NODATA;
  s.key = "scene";
  tc_provider *p = open_source(&s);
  tc_image_info info = info_of(p);
  assert_string_equal(provider_key(p), "scene:image:0");
  assert_int_equal(info.struct_size, sizeof info);
  assert_int_equal(info.dtype, TC_U16);
  assert_int_equal(info.width, 101);
  assert_int_equal(info.height, 57);
  assert_int_equal(info.block_width, 40);
  assert_int_equal(info.block_height, 30);
  assert_int_equal(info.grid_cols, 3);
  assert_int_equal(info.grid_rows, 2);
  assert_int_equal(info.bands, 3);
  assert_int_equal(info.levels, 3);
  assert_int_equal(info.bits, 11);
  assert_int_equal(info.flags & TC_IMAGE_HAS_NODATA, TC_IMAGE_HAS_NODATA);
  assert_memory_equal(info.pad, s.image.pad, sizeof info.pad);
  assert_memory_equal(info.nodata, s.image.nodata, sizeof info.nodata);
  assert_null(provider_metadata(p, -1, "anything"));
  provider_release(p);
  source_done(&s);
}

static void every_sample_type_passes_through(void **state)
{
  (void)state;
  for (size_t i = 0; i < COUNT(dtypes); i++) {
    source s;
    source_init(&s, 37, 23, 16, 10, 2, dtypes[i]);
    tc_provider *p = open_source(&s);
    assert_int_equal(info_of(p).bits % 8, 0);
    assert_all_blocks(&s, p);
    provider_release(p);
    source_done(&s);
  }
}

static void every_level_is_its_own_pixels(void **state)
{
  (void)state;
  source s;
  source_init(&s, 130, 70, 32, 32, 2, TC_I16);
  s.image.levels = 4;
  tc_provider *p = open_source(&s);
  assert_all_blocks(&s, p);
  provider_release(p);
  source_done(&s);
}

/* A level that the source leaves out below another one. */
static void a_level_that_is_left_out_is_not_found(void **state)
{
  (void)state;
  source s;
  source_init(&s, 130, 70, 32, 32, 2, TC_I16);
  s.image.levels = 3;
  tc_source t = source_struct(&s);
  tc_level levels[] = {{130, 70, 32, 32}, {0, 0, 0, 0}, {33, 18, 8, 8}};
  t.levels = levels;
  tc_provider *p = NULL, *above = NULL;
  ok(provider_from_source(&t, &p, &err));
  int32_t has = 1;
  tc_tile *tile = NULL;
  ok(provider_has_block(p, 0, 0, 1, &has, &err));
  assert_int_equal(has, 0);
  fails(TC_E_NOT_FOUND, "level 1 is not there", provider_get_block(p, 0, 0, 1, NULL, 0, &tile, &err));
  ok(provider_level(p, 2, &above, &err));
  tile = get(above, 0, 0, 0);
  assert_tile(&s, tile, (area){0, 0, 8, 8}, 2, NULL, 2);
  tc_tile_release(tile);
  provider_release(above);
  provider_release(p);
  source_done(&s);
  levels[2] = levels[1];
  fails(TC_E_RANGE, "0 x 0", provider_from_source(&t, &p, &err));
}

/* Reads a block, and says that three blocks were decoded for it, in two steps. */
static tc_status read_beneath(void *user, void *session, int64_t row, int64_t col, int32_t level, const int32_t *bands,
                              const tc_target *into, tc_error *error)
{
  (void)session, (void)row, (void)col, (void)level, (void)bands, (void)error;
  memset(into->data, 1, (size_t)(into->row_stride * into->height));
  for (int i = 0; i < 2; i++)
    tc_decoded_beneath(*(const double *)user / 2);
  return TC_OK;
}

static void what_is_decoded_beneath_is_amplification(void **state)
{
  (void)state;
  source s;
  source_init(&s, 128, 32, 32, 32, 1, TC_U8);
  for (double beneath = 0; beneath < 4; beneath += 1.5) {
    tc_source t = source_struct(&s);
    t.user = &beneath;
    t.read_block = read_beneath;
    t.release = NULL;
    tc_provider *p = NULL;
    tc_cache_stats stats = {.struct_size = sizeof stats};
    double amplification = -1;
    ok(provider_from_source(&t, &p, &err));
    tc_decoded_beneath(7); /* outside of callbacks it counts for none */
    read_all(p, 0);
    ok(provider_counters(p, &stats, &amplification, &err));
    assert_true(amplification == beneath);
    provider_release(p);
  }
}

static void bands_come_in_the_order_asked(void **state)
{
  (void)state;
  static const int32_t lists[][3] = {{0, 1, 2}, {3, 2, 1}, {1, 1, 3}, {4, 0, 4}};
  for (int picks = 0; picks < 2; picks++) {
    source s;
    source_init(&s, 20, 20, 20, 20, 5, TC_U16);
    s.picks_bands = picks;
    tc_provider *p = open_source(&s);
    assert_int_equal((info_of(p).flags & TC_IMAGE_BANDS_TOGETHER) != 0, !picks);
    for (size_t i = 0; i < COUNT(lists); i++) {
      tc_tile *tile = NULL;
      ok(provider_get_block(p, 0, 0, 0, lists[i], 3, &tile, &err));
      assert_tile(&s, tile, (area){0, 0, 20, 20}, 0, lists[i], 3);
      tc_tile_release(tile);
    }
    if (picks) /* a band asked for twice need not be read twice */
      assert_in_range(s.bands_read, 1, 12);
    provider_release(p);
    source_done(&s);
  }
}

static void an_absent_block_is_pad_and_costs_nothing(void **state)
{
  (void)state;
  source s;
  source_init(&s, 4 * 32, 32, 32, 32, 1, TC_U8);
  s.sparse = true;
  s.image.flags = TC_IMAGE_SPARSE;
  s.image.pad[0] = 99;
  tc_cache *cache = new_cache(1 << 20);
  tc_provider *from = open_source(&s), *p = cached(from, cache);
  tc_tile *tiles[4];
  for (int32_t col = 0; col < 4; col++) {
    int32_t has = -1;
    tc_pixels pixels;
    tiles[col] = get(p, 0, col, 0);
    tc_tile_pixels(tiles[col], &pixels);
    ok(provider_has_block(p, 0, col, 0, &has, &err));
    assert_int_equal(has, col % 2 == 0);
    assert_int_equal(pixels.flags, has ? 0 : TC_PIXELS_ABSENT);
    assert_true(pixels.row_stride >= pixels.width);
    assert_true(pixels_match(&s, &pixels, col * 32, 0, 0, NULL));
  }
  assert_ptr_equal(data_of(tiles[1]), data_of(tiles[3])); /* one pad buffer for all */
  assert_int_equal(decodes(&s), 2);
  for (int32_t col = 0; col < 4; col++)
    tc_tile_release(tiles[col]);
  provider_release(from);
  provider_release(p);
  tc_release(cache);
  source_done(&s);
}

/* What a source that reads windows does not have is pad for every call, and the source is not asked for it. */
static void an_absent_block_is_pad_in_windows_too(void **state)
{
  (void)state;
  source s;
  uint8_t line[8];
  source_init(&s, 4 * 64, 64, 64, 64, 1, TC_U8);
  s.sparse = s.windowed = true;
  s.image.flags = TC_IMAGE_SPARSE;
  s.image.pad[0] = 99;
  tc_provider *from = open_source(&s), *p = retiled(from, 8, 8, 0, NULL);
  for (int32_t col = 0; col < 32; col++) {
    bool has = col / 8 % 2 == 0;
    tc_pixels pixels;
    tc_tile *tile = get(p, 3, col, 0);
    tc_tile_pixels(tile, &pixels);
    assert_int_equal(pixels.flags, has ? 0 : TC_PIXELS_ABSENT);
    assert_true(pixels_match(&s, &pixels, col * 8, 24, 0, NULL));
    tc_tile_release(tile);
    /* Windows across the edge of two blocks, of which one is absent, among them. */
    for (int64_t x = col * 8; x < col * 8 + 8 && x <= 4 * 64 - 8; x += 4) {
      tc_target into = {.data = line, .width = 8, .height = 1, .bands = 1};
      ok(provider_read_window(from, x, 5, 0, NULL, 0, &into, &err));
      for (int i = 0; i < 8; i++) {
        uint8_t expected = 99;
        if ((x + i) / 64 % 2 == 0)
          sample_at(&s, x + i, 5, 0, 0, &expected);
        assert_int_equal(line[i], expected);
      }
    }
  }
  assert_true(s.windows > 0);
  provider_release(from);
  provider_release(p);
  source_done(&s);
}

static void has_block_is_false_outside(void **state)
{
  (void)state;
  static const struct { int64_t row, col; int32_t level, has; } rows[] = {
    {0, 0, 0, 1}, {1, 2, 0, 1}, {2, 0, 0, 0}, {0, 3, 0, 0}, {INT64_MAX, 0, 0, 0}, {0, 0, 1, 0},
  };
  source s;
  source_init(&s, 90, 60, 30, 30, 1, TC_U8);
  tc_provider *p = open_source(&s);
  for (size_t i = 0; i < COUNT(rows); i++) {
    int32_t has = -1;
    ok(provider_has_block(p, rows[i].row, rows[i].col, rows[i].level, &has, &err));
    assert_int_equal(has, rows[i].has);
  }
  provider_release(p);
  source_done(&s);
}

typedef struct { source *s; tc_provider *p; bool wrong; } reading;

static void read_in_thread(void *user, int index)
{
  reading *r = user;
  uint64_t seed = (uint64_t)index;
  for (int n = 0; n < 12; n++) {
    int64_t row = random_below(&seed, 4), col = random_below(&seed, 4);
    tc_tile *tile = NULL;
    tc_pixels pixels;
    if (provider_get_block(r->p, row, col, 0, NULL, 0, &tile, NULL) != TC_OK) {
      r->wrong = true;
      continue;
    }
    tc_tile_pixels(tile, &pixels);
    if (!pixels_match(r->s, &pixels, col * 16, row * 16, 0, NULL))
      r->wrong = true;
    tc_tile_release(tile);
  }
}

/* The source itself notes a second caller inside, a session used twice, and what stays open. */
static void threading_is_as_the_source_asks(void **state)
{
  (void)state;
  static const struct { uint32_t threading; int32_t max_sessions; int most_inside; } rows[] = {
    {TC_CONCURRENT, 0, 8}, {TC_ONE_AT_A_TIME, 0, 1}, {TC_SESSIONS, 1, 1}, {TC_SESSIONS, 3, 3},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    source s;
    source_init(&s, 64, 64, 16, 16, 1, TC_U8);
    s.threading = rows[i].threading;
    s.max_sessions = rows[i].max_sessions;
    s.decode_ms = 1;
    tc_provider *p = open_source(&s);
    reading r = {&s, p, false};
    in_threads(8, read_in_thread, &r);
    assert_false(r.wrong);
    assert_in_range(s.most_inside, 1, rows[i].most_inside);
    if (rows[i].threading == TC_SESSIONS)
      assert_in_range(s.most_sessions, 1, rows[i].max_sessions);
    if (rows[i].threading == TC_CONCURRENT)
      assert_true(s.most_inside > 1);
    provider_release(p);
    source_done(&s);
  }
}

/* Every layout of the same 40 x 30 image of 3 u16 bands, in blocks of 16 x 16. */
static void memory_is_lent_where_rows_are_contiguous(void **state)
{
  (void)state;
  enum { W = 40, H = 30, B = 3, E = 2, BYTES = W * H * B * E };
  static const struct { int64_t pixel, row, band, origin; bool lent; } layouts[] = {
    {0, 0, 0, 0, true},                                            /* packed by default */
    {E, W * E, W * H * E, 0, true},                                /* band-sequential */
    {E, W * E * B, W * E, 0, false},                               /* band-interleaved by line */
    {B * E, W * B * E, E, 0, false},                               /* by pixel */
    {E, -W * E, W * H * E, (H - 1) * W * E, false},                /* bottom-up */
    {H * E, E, W * H * E, 0, false},                               /* transposed */
    {-E, W * E, W * H * E, (W - 1) * E, false},                    /* mirrored */
  };
  source s;
  source_init(&s, W, H, 16, 16, B, TC_U16);
  pthread_mutex_destroy(&s.lock);
  for (size_t i = 0; i < COUNT(layouts); i++) {
    int released = 0;
    char *bytes = calloc(1, BYTES);
    int64_t pixel = i == 0 ? E : layouts[i].pixel, row = i == 0 ? W * E : layouts[i].row;
    int64_t band = i == 0 ? W * H * E : layouts[i].band;
    for (int32_t b = 0; b < B; b++)
      for (int64_t y = 0; y < H; y++)
        for (int64_t x = 0; x < W; x++)
          sample_at(&s, x, y, b, 0, bytes + layouts[i].origin + b * band + y * row + x * pixel);
    tc_target array = {bytes + layouts[i].origin, layouts[i].pixel, layouts[i].row, layouts[i].band, W, H, B, TC_U16};
    tc_provider *p = NULL;
    ok(provider_from_memory(&array, &s.image, NULL, count_release, &released, &p, &err));
    assert_all_blocks(&s, p);
    tc_tile *tile = get(p, 1, 2, 0);
    const char *data = data_of(tile);
    assert_int_equal(data >= bytes && data < bytes + BYTES, layouts[i].lent);
    provider_release(p);
    assert_int_equal(released, !layouts[i].lent); /* what is lent lives as long as the tile */
    if (layouts[i].lent)
      assert_tile(&s, tile, (area){32, 16, 8, 14}, 0, NULL, B);
    tc_tile_release(tile);
    assert_int_equal(released, 1);
    free(bytes);
  }
}

/* Caller's memory takes nothing from the budget beyond bookkeeping. */
static void lent_memory_counts_no_pixels(void **state)
{
  (void)state;
  enum { SIDE = 256 };
  int released = 0;
  source s;
  source_init(&s, SIDE, SIDE, 64, 64, 1, TC_U8);
  pthread_mutex_destroy(&s.lock);
  char *bytes = calloc(1, SIDE * SIDE);
  tc_target array = {bytes, 0, 0, 0, SIDE, SIDE, 1, TC_U8};
  tc_provider *from = NULL;
  ok(provider_from_memory(&array, &s.image, "array", count_release, &released, &from, &err));
  tc_cache *cache = new_cache(room(16, 0));
  tc_provider *p = cached(from, cache);
  read_all(p, 0);
  tc_tile *tile = get(p, 3, 3, 0);
  assert_ptr_equal(data_of(tile), bytes + 192 * SIDE + 192);
  assert_true(stats_of(cache).resident <= room(16, 0));
  assert_int_equal(stats_of(cache).evictions, 0);
  tc_tile_release(tile);
  provider_release(from);
  provider_release(p);
  tc_release(cache);
  assert_int_equal(released, 1);
  free(bytes);
}

/* Without a name a source is never taken for another one, even one at the same address. */
static void unnamed_sources_never_mix(void **state)
{
  (void)state;
  tc_cache *cache = new_cache(1 << 20);
  for (uint64_t n = 0; n < 50; n++) {
    source s;
    source_init(&s, 16, 16, 16, 16, 1, TC_U8);
    s.seed = n;
    tc_provider *from = open_source(&s), *p = cached(from, cache);
    tc_tile *tile = get(p, 0, 0, 0);
    assert_tile(&s, tile, (area){0, 0, 16, 16}, 0, NULL, 1);
    tc_tile_release(tile);
    provider_release(from);
    provider_release(p);
    source_done(&s);
  }
  assert_int_equal(stats_of(cache).entries, 0); /* they go with their last provider */
  tc_release(cache);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(an_image_describes_itself),
    cmocka_unit_test(every_sample_type_passes_through),
    cmocka_unit_test(every_level_is_its_own_pixels),
    cmocka_unit_test(a_level_that_is_left_out_is_not_found),
    cmocka_unit_test(what_is_decoded_beneath_is_amplification),
    cmocka_unit_test(bands_come_in_the_order_asked),
    cmocka_unit_test(an_absent_block_is_pad_and_costs_nothing),
    cmocka_unit_test(an_absent_block_is_pad_in_windows_too),
    cmocka_unit_test(has_block_is_false_outside),
    cmocka_unit_test(threading_is_as_the_source_asks),
    cmocka_unit_test(memory_is_lent_where_rows_are_contiguous),
    cmocka_unit_test(lent_memory_counts_no_pixels),
    cmocka_unit_test(unnamed_sources_never_mix),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
