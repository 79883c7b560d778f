/* Declared passes as C sees them: what they make decode, and what they refuse. */
#include "support.h"

/* 16 x 16 tiles over strips of one row of pixels, 4 of them to a tile. */
enum { TILE = 4, COLS = 16, SIDE = TILE * COLS, STRIPS = SIDE };

static tc_provider *pass_of(tc_provider *from, const tc_pass_options *options)
{
  tc_provider *pass = NULL;
  ok(provider_pass(from, options, &pass, &err));
  assert_string_equal(provider_key(pass), provider_key(from));
  return pass;
}

static tc_pass_options options_of(uint32_t order)
{
  return (tc_pass_options){.struct_size = sizeof(tc_pass_options), .order = order};
}

/* Every tile of a pass in column order, each pixel. */
static void read_columns(const source *s, tc_provider *p)
{
  for (int i = 0; i < COLS * COLS; i++) {
    int64_t row = i % COLS, col = i / COLS;
    tc_tile *tile = get(p, row, col, 0);
    assert_tile(s, tile, cell(SIDE, SIDE, TILE, TILE, row, col, 0), 0, NULL, 1);
    tc_tile_release(tile);
  }
}

/* Decodes of one pass in column order in a budget of so many tiles. */
static int decodes_in(int tiles, bool is_declared, uint32_t threads)
{
  source s;
  source_init(&s, SIDE, SIDE, SIDE, 1, 1, TC_U8);
  /* Buffers are multiples of 64 bytes. */
  tc_cache *cache = new_cache(room(tiles, 64));
  tc_provider *from = open_source(&s), *view = retiled(from, TILE, TILE, 0, cache), *reader = NULL;
  tc_pass_options o = options_of(TC_PASS_COLUMNS);
  o.threads = threads;
  if (is_declared)
    reader = pass_of(view, &o);
  read_columns(&s, is_declared ? reader : view);
  int total = decodes(&s);
  provider_release(reader);
  provider_release(from);
  provider_release(view);
  for (int ms = 0; s.released == 0 && ms < 20000; ms++)
    sleep_ms(1);
  assert_books(cache);
  tc_release(cache);
  assert_threads_end(1);
  source_done(&s);
  return total;
}

static void columns_decode_strips_twice_where_two_thirds_fit(void **state)
{
  (void)state;
  int tiles = COLS * COLS * 2 / 3;
  int declared = decodes_in(tiles, true, 0), undeclared = decodes_in(tiles, false, 0);
  assert_true(declared <= 2 * STRIPS);
  assert_true(declared < undeclared);
  assert_true(decodes_in(tiles, true, 2) <= 3 * STRIPS);
}

static void lists_and_curves_are_read_to_their_end(void **state)
{
  (void)state;
  source s;
  source_init(&s, SIDE, SIDE, TILE, TILE, 1, TC_U8);
  /* Six of the tiles fit. */
  tc_cache *cache = new_cache(room(6, TILE * TILE));
  tc_provider *from = open_source(&s), *p = cached(from, cache);
  tc_pass_tile tiles[3 * 10];
  for (size_t i = 0; i < COUNT(tiles); i++)
    tiles[i] = (tc_pass_tile){.row = 0, .col = (int64_t)(i % 10)};
  tc_pass_options o = options_of(0);
  o.tiles = tiles;
  o.n_tiles = COUNT(tiles);
  tc_provider *reader = pass_of(p, &o);
  memset(tiles, 0, sizeof tiles);
  for (size_t i = 0; i < COUNT(tiles); i++)
    touch(reader, 0, (int64_t)(i % 10), 0);
  /* Of ten in a circle the best of six has ten misses first, and then at most half. */
  assert_true(decodes(&s) <= 20);
  provider_release(reader);
  o = options_of(TC_PASS_HILBERT);
  reader = pass_of(p, &o);
  read_columns(&s, reader);
  provider_release(reader);
  o = options_of(TC_PASS_LIST);
  reader = pass_of(p, &o);
  touch(reader, 3, 3, 0);
  provider_release(reader);
  reader = pass_of(p, NULL);
  read_all(reader, 0);
  ok(provider_cancel(reader, &err));
  tc_tile *tile = NULL;
  fails(TC_E_CANCELLED, "", provider_get_block(reader, 1, 1, 0, NULL, 0, &tile, &err));
  assert_null(tile);
  provider_release(reader);
  provider_release(from);
  provider_release(p);
  assert_books(cache);
  tc_release(cache);
  source_done(&s);
}

static void arguments_are_checked(void **state)
{
  (void)state;
  source s;
  source_init(&s, SIDE, SIDE, TILE, TILE, 1, TC_U8);
  tc_provider *p = open_source(&s), *made = NULL;
  int32_t band = 3;
  tc_pass_tile places[] = {{0, 0}, {0, COLS}, {-1, 0}};
  tc_pass_options o = options_of(0), bad;
  refuses(TC_E_ARGUMENT, "source", provider_pass(NULL, &o, &made, e));
  refuses(TC_E_ARGUMENT, "reader", provider_pass(p, &o, NULL, e));
  bad = options_of(5);
  refuses(TC_E_ARGUMENT, "order of options is 5", provider_pass(p, &bad, &made, e));
  bad = o, bad.level = -1;
  refuses(TC_E_RANGE, "level is -1", provider_pass(p, &bad, &made, e));
  bad = o, bad.level = 7;
  refuses(TC_E_RANGE, "level 7", provider_pass(p, &bad, &made, e));
  bad = o, bad.threads = 2;
  refuses(TC_E_ARGUMENT, "no cache", provider_pass(p, &bad, &made, e));
  bad = o, bad.bands = &band, bad.n_bands = 1;
  refuses(TC_E_RANGE, "band 3", provider_pass(p, &bad, &made, e));
  bad = o, bad.n_tiles = 2;
  refuses(TC_E_ARGUMENT, "tiles is NULL", provider_pass(p, &bad, &made, e));
  bad = o, bad.order = TC_PASS_ROWS, bad.tiles = places, bad.n_tiles = 1;
  refuses(TC_E_ARGUMENT, "1 tiles are listed", provider_pass(p, &bad, &made, e));
  bad = o, bad.tiles = places, bad.n_tiles = 2;
  refuses(TC_E_RANGE, "tile 1 of the list", provider_pass(p, &bad, &made, e));
  bad.tiles = places + 2, bad.n_tiles = 1;
  refuses(TC_E_RANGE, "row is -1", provider_pass(p, &bad, &made, e));
  assert_null(made);
  provider_release(p);
  source_done(&s);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(columns_decode_strips_twice_where_two_thirds_fit),
    cmocka_unit_test(lists_and_curves_are_read_to_their_end),
    cmocka_unit_test(arguments_are_checked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
