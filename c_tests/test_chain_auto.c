/* The automatic chain through the C face: what it is for each kind of image, why, and how it is ended and refused. */
#include "support.h"

static tc_chain *automatic(tc_provider *p)
{
  tc_chain *chain = NULL;
  ok(tc_chain_auto(p, NULL, &chain, &err));
  assert_non_null(chain);
  return chain;
}

static tc_chain_about about_of(const tc_chain *chain)
{
  tc_chain_about about = {.struct_size = sizeof about};
  ok(tc_chain_info(chain, &about, &err));
  return about;
}

static tc_status same(void *user, int64_t row, int64_t col, int32_t level, const tc_pixels *in, const tc_target *out,
                      tc_error *e)
{
  (void)user, (void)row, (void)col, (void)level, (void)e;
  for (int32_t b = 0; b < in->bands; b++)
    for (int64_t y = 0; y < in->height; y++)
      memcpy((char *)out->data + b * out->band_stride + y * out->row_stride,
             (const char *)in->data + b * in->band_stride + y * in->row_stride,
             (size_t)in->width * sample_size(in->dtype));
  return TC_OK;
}

/* The image with other texts and colours. */
static tc_provider *described(tc_provider *from, const tc_band_info *bands, const tc_text *texts, size_t n)
{
  tc_map_options o = {.struct_size = sizeof o, .name = "same", .map = same, .band_infos = bands,
                      .texts = n == 0 ? NULL : texts, .n_texts = n};
  tc_provider *p = NULL;
  ok(provider_map(from, &o, NULL, &p, &err));
  return p;
}

static void each_kind_has_its_chain(void **state)
{
  (void)state;
  static const tc_text middles[] = {
    {0, 0, "WAVELENGTH", "480"}, {1, 0, "WAVELENGTH", "545"}, {2, 0, "WAVELENGTH", "660"}, {3, 0, "WAVELENGTH", "833"},
  };
  static const struct { tc_dtype dtype; int32_t bands; size_t n_texts; const char *text, *why; } rows[] = {
    {TC_U8, 1, 0, "u8", "8 bits"},
    {TC_U8, 3, 0, "u8", "first three"},
    {TC_U16, 1, 0, "stretch=", "16 significant bits"},
    {TC_U16, 4, 4, "bands=2,1,0|stretch=", "660,545,480 nm"},
    {TC_F32, 1, 0, "stretch=", "f32"},
    {TC_CI16, 1, 0, "quarter|stretch=", "complex samples"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    source s;
    source_init(&s, 100, 80, 32, 32, rows[i].bands, rows[i].dtype);
    tc_provider *from = open_source(&s), *p = described(from, NULL, middles, rows[i].n_texts);
    tc_chain *chain = automatic(p);
    assert_ptr_equal(strstr(tc_chain_text(chain), rows[i].text), tc_chain_text(chain));
    if (strstr(tc_chain_why(chain), rows[i].why) == NULL)
      fail_msg("%s does not say %s", tc_chain_why(chain), rows[i].why);
    assert_int_equal(about_of(chain).flags, TC_CHAIN_RESOLVED);
    /* Eight bits are shown without a look at any pixel, others with one at each here. */
    assert_int_equal(decodes(&s), rows[i].dtype == TC_U8 ? 0 : 12);

    /* The image through it, and through no chain given, is the same. */
    tc_cache *cache = new_cache(1 << 20);
    tc_provider *told = NULL, *untold = NULL;
    ok(provider_display(p, chain, cache, &told, &err));
    ok(provider_display(p, NULL, cache, &untold, &err));
    assert_string_equal(provider_key(told), provider_key(untold));
    assert_string_equal(provider_metadata(untold, -1, "TC:CHAIN"), tc_chain_text(chain));
    tc_tile *tile = get(told, 1, 2, 0), *again = get(untold, 1, 2, 0);
    assert_ptr_equal(data_of(tile), data_of(again));
    tc_tile_release(tile);
    tc_tile_release(again);

    /* Its text makes a chain like it, without the reasons. */
    tc_chain *parsed = NULL;
    ok(tc_chain_parse(tc_chain_text(chain), &parsed, &err));
    assert_string_equal(tc_chain_text(parsed), tc_chain_text(chain));
    assert_string_equal(tc_chain_why(parsed), "");
    tc_chain_release(parsed);
    tc_chain_release(chain);
    provider_release(told);
    provider_release(untold);
    provider_release(p);
    provider_release(from);
    tc_release(cache);
    source_done(&s);
  }
}

static int end_at_once(double done, const char *text, void *user)
{
  (void)done, (void)text;
  ++*(int *)user;
  return 0;
}

static void it_is_ended_and_refused_by_name(void **state)
{
  (void)state;
  source s;
  source_init(&s, 100, 80, 32, 32, 1, TC_U16);
  tc_provider *p = open_source(&s);
  tc_chain *chain = (tc_chain *)&s;
  int calls = 0;
  tc_sample_options o = {.struct_size = sizeof o, .progress = end_at_once, .progress_user = &calls};
  fails(TC_E_CANCELLED, "cancelled", tc_chain_auto(p, &o, &chain, &err));
  assert_null(chain);
  assert_int_equal(calls, 1);
  refuses(TC_E_ARGUMENT, "chain", tc_chain_auto(p, NULL, NULL, e));
  refuses(TC_E_ARGUMENT, "provider", tc_chain_auto(NULL, NULL, &chain, e));
  o = (tc_sample_options){.struct_size = sizeof o, .level = 2};
  refuses(TC_E_RANGE, "level 2", tc_chain_auto(p, &o, &chain, e));
  o = (tc_sample_options){.struct_size = sizeof o, .flags = 0x20};
  refuses(TC_E_ARGUMENT, "0x20", tc_chain_auto(p, &o, &chain, e));
  assert_null(chain);
  assert_null(tc_chain_why(NULL));
  s.fail_times = 1;
  fails(TC_E_SOURCE, "the tape is torn", tc_chain_auto(p, NULL, &chain, &err));
  assert_null(chain);
  provider_release(p);
  source_done(&s);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(each_kind_has_its_chain),
    cmocka_unit_test(it_is_ended_and_refused_by_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
