/* Files, by path and from memory: a tiny uncompressed TIFF that the test writes itself. */
#include "support.h"

#include <fcntl.h>
#include <unistd.h>

enum { WIDTH = 21, HEIGHT = 10, STRIP = 4, STRIPS = 3, PAGES = 2, LARGEST = 4096 };

typedef struct { uint8_t bytes[LARGEST]; size_t size; } image_file;

static uint8_t pixel_of(int page, int64_t x, int64_t y)
{
  return (uint8_t)(page * 100 + x * 3 + y * 17);
}

static void put(image_file *f, uint32_t value, int bytes)
{
  for (int i = 0; i < bytes; i++)
    f->bytes[f->size++] = (uint8_t)(value >> (8 * i));
}

static void put_entry(image_file *f, uint32_t tag, uint32_t type, uint32_t count, uint32_t value)
{
  put(f, tag, 2);
  put(f, type, 2);
  put(f, count, 4);
  put(f, value, 4);
}

/* Little-endian, one 8-bit gray band in strips; each page is its pixels, its tables and its directory. */
static image_file tiff(void)
{
  enum { SHORT = 3, LONG = 4, ENTRIES = 10 };
  image_file f;
  size_t link = 4;
  memset(&f, 0, sizeof f);
  put(&f, 0x4949, 2);
  put(&f, 42, 2);
  put(&f, 0, 4);
  for (int page = 0; page < PAGES; page++) {
    uint32_t pixels = (uint32_t)f.size;
    for (int64_t y = 0; y < HEIGHT; y++)
      for (int64_t x = 0; x < WIDTH; x++)
        put(&f, pixel_of(page, x, y), 1);
    uint32_t offsets = (uint32_t)f.size;
    for (uint32_t strip = 0; strip < STRIPS; strip++)
      put(&f, pixels + strip * STRIP * WIDTH, 4);
    uint32_t counts = (uint32_t)f.size;
    for (uint32_t strip = 0; strip < STRIPS; strip++)
      put(&f, (strip + 1 < STRIPS ? STRIP : HEIGHT - strip * STRIP) * WIDTH, 4);
    f.size += f.size % 2;
    for (int i = 0; i < 4; i++) /* the link from the header or the page before */
      f.bytes[link + (size_t)i] = (uint8_t)(f.size >> (8 * i));
    put(&f, ENTRIES, 2);
    put_entry(&f, 256, SHORT, 1, WIDTH);
    put_entry(&f, 257, SHORT, 1, HEIGHT);
    put_entry(&f, 258, SHORT, 1, 8);
    put_entry(&f, 259, SHORT, 1, 1); /* no compression */
    put_entry(&f, 262, SHORT, 1, 1); /* black is zero */
    put_entry(&f, 273, LONG, STRIPS, offsets);
    put_entry(&f, 277, SHORT, 1, 1);
    put_entry(&f, 278, SHORT, 1, STRIP);
    put_entry(&f, 279, LONG, STRIPS, counts);
    put_entry(&f, 284, SHORT, 1, 1);
    link = f.size;
    put(&f, 0, 4);
  }
  return f;
}

/* A file of the test's own in the working directory, which the harness makes for it. */
static void write_file(const char *path, const void *bytes, size_t size)
{
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, bytes, size), (ssize_t)size);
  close(fd);
}

static void assert_page(tc_provider *p, int page)
{
  tc_image_info info = info_of(p);
  assert_int_equal(info.dtype, TC_U8);
  assert_int_equal(info.width, WIDTH);
  assert_int_equal(info.height, HEIGHT);
  assert_int_equal(info.block_width, WIDTH);
  assert_int_equal(info.block_height, STRIP);
  assert_int_equal(info.grid_rows, STRIPS);
  assert_int_equal(info.bands, 1);
  for (int64_t row = 0; row < STRIPS; row++) {
    tc_tile *tile = get(p, row, 0, 0);
    tc_pixels pixels;
    tc_tile_pixels(tile, &pixels);
    assert_int_equal(pixels.height, row + 1 < STRIPS ? STRIP : HEIGHT - row * STRIP);
    for (int64_t y = 0; y < pixels.height; y++)
      for (int64_t x = 0; x < WIDTH; x++)
        assert_int_equal(((const uint8_t *)pixels.data)[y * pixels.row_stride + x],
                         pixel_of(page, x, row * STRIP + y));
    tc_tile_release(tile);
  }
}

static tc_open_options page_of(int32_t page)
{
  tc_open_options o;
  memset(&o, 0, sizeof o);
  o.struct_size = sizeof o;
  o.image = page;
  return o;
}

/* ---- bytes from memory ---- */

typedef struct { const image_file *file; int released; tc_status fail; } bytes;

static tc_status read_at(void *user, int64_t offset, void *into, size_t size, tc_error *error)
{
  const bytes *b = user;
  if (b->fail != 0 || offset < 0 || (uint64_t)offset > b->file->size || size > b->file->size - (size_t)offset) {
    if (error != NULL)
      snprintf(error->message, sizeof error->message, "the wire is cut");
    return b->fail != 0 ? b->fail : 1;
  }
  memcpy(into, b->file->bytes + offset, size);
  return TC_OK;
}

static void release_bytes(void *user)
{
  ((bytes *)user)->released++;
}

static tc_io io_over(bytes *b)
{
  tc_io io;
  memset(&io, 0, sizeof io);
  io.struct_size = sizeof io;
  io.user = b;
  io.size = (int64_t)b->file->size;
  io.read_at = read_at;
  io.release = release_bytes;
  return io;
}

/* ---- files beside ---- */

enum { HALF_WIDTH = 11, HALF_HEIGHT = 5 };

/* A directory with one strip in 8 bits behind what is there already, with a text of GDAL's if it is not NULL. */
static void put_picture(image_file *f, size_t link, uint32_t kind, int64_t width, int64_t height, int value, const char *text)
{
  enum { ASCII = 2, LONG = 4 };
  uint32_t pixels = (uint32_t)f->size;
  for (int64_t i = 0; i < width * height; i++)
    put(f, (uint32_t)(value + i), 1);
  uint32_t said = (uint32_t)f->size, length = text != NULL ? (uint32_t)strlen(text) + 1 : 0;
  for (uint32_t i = 0; i < length; i++)
    put(f, (uint8_t)text[i], 1);
  f->size += f->size % 2;
  for (int i = 0; i < 4; i++)
    f->bytes[link + (size_t)i] = (uint8_t)(f->size >> (8 * i));
  put(f, text != NULL ? 10 : 9, 2);
  put_entry(f, 254, LONG, 1, kind);
  put_entry(f, 256, LONG, 1, (uint32_t)width);
  put_entry(f, 257, LONG, 1, (uint32_t)height);
  put_entry(f, 258, LONG, 1, 8);
  put_entry(f, 259, LONG, 1, 1);
  put_entry(f, 262, LONG, 1, 1);
  put_entry(f, 273, LONG, 1, pixels);
  put_entry(f, 278, LONG, 1, (uint32_t)height);
  put_entry(f, 279, LONG, 1, (uint32_t)(width * height));
  if (text != NULL)
    put_entry(f, 42112, ASCII, length, said);
  put(f, 0, 4);
}

static image_file picture(uint32_t kind, int64_t width, int64_t height, int value, const char *text)
{
  image_file f;
  memset(&f, 0, sizeof f);
  put(&f, 0x4949, 2);
  put(&f, 42, 2);
  put(&f, 0, 4);
  put_picture(&f, 4, kind, width, height, value, text);
  return f;
}

/* What lies beside a file, and what was asked for. */
typedef struct {
  struct { const char *suffix; image_file file; bytes bytes; } files[4];
  size_t count;
  char asked[256];
  tc_status fail; /* of what is asked for next */
  bool without_read;
} others;

static void add_other(others *o, const char *suffix, const image_file *file)
{
  o->files[o->count].suffix = suffix;
  o->files[o->count].file = *file;
  o->files[o->count].bytes.file = &o->files[o->count].file;
  o->count++;
}

static tc_status open_other(void *user, const char *suffix, tc_io *io, tc_error *error)
{
  others *o = user;
  strncat(o->asked, suffix, sizeof o->asked - strlen(o->asked) - 1);
  strncat(o->asked, " ", sizeof o->asked - strlen(o->asked) - 1);
  if (o->fail != 0) {
    snprintf(error->message, sizeof error->message, "the door is shut");
    return o->fail;
  }
  for (size_t i = 0; i < o->count; i++)
    if (strcmp(o->files[i].suffix, suffix) == 0) {
      if (io->struct_size != sizeof *io || io->user != NULL || io->size != 0 || io->read_at != NULL)
        return 99;
      *io = io_over(&o->files[i].bytes);
      if (o->without_read)
        io->read_at = NULL;
      return TC_OK;
    }
  return TC_E_NOT_FOUND;
}

/* ---- tests ---- */

static void a_file_is_read_by_path(void **state)
{
  (void)state;
  image_file f = tiff();
  int32_t count = 0;
  write_file("two-pages", f.bytes, f.size); /* known by its content, not by its name */
  ok(provider_image_count("two-pages", &count, &err));
  assert_int_equal(count, PAGES);
  tc_provider *p = NULL;
  ok(provider_open("two-pages", NULL, &p, &err));
  assert_page(p, 0);
  provider_release(p);
  for (int32_t page = 0; page < PAGES; page++) {
    tc_open_options o = page_of(page);
    ok(provider_open("two-pages", &o, &p, &err));
    assert_page(p, page);
    provider_release(p);
  }
}

static void a_file_is_read_from_memory(void **state)
{
  (void)state;
  image_file f = tiff();
  for (int32_t page = 0; page < PAGES; page++) {
    bytes b = {&f, 0, 0};
    tc_io io = io_over(&b);
    tc_open_options o = page_of(page);
    int32_t count = 0;
    tc_provider *p = NULL;
    ok(provider_image_count_io(&io, &count, &err));
    assert_int_equal(count, PAGES);
    b.released = 0;
    ok(provider_open_io(&io, &o, &p, &err));
    assert_page(p, page);
    assert_int_equal(b.released, 0);
    provider_release(p);
    assert_int_equal(b.released, 1);
  }
}

static void metadata_can_be_listed(void **state)
{
  (void)state;
  image_file f = tiff();
  tc_provider *p = NULL;
  write_file("listed", f.bytes, f.size);
  ok(provider_open("listed", NULL, &p, &err));
  size_t n = provider_metadata_count(p, -1);
  assert_in_range(n, 1, 1000);
  for (size_t i = 0; i < n; i++) {
    assert_non_null(provider_metadata_name(p, -1, i));
    assert_non_null(provider_metadata(p, -1, provider_metadata_name(p, -1, i)));
  }
  assert_null(provider_metadata_name(p, -1, n));
  provider_release(p);
}

/* One file opened twice shares its entries; two files of like content, and two pages of one, do not. */
static void identity_is_the_file_and_its_page(void **state)
{
  (void)state;
  image_file f = tiff();
  tc_open_options second = page_of(1);
  tc_provider *open[4], *p[4];
  write_file("one", f.bytes, f.size);
  write_file("two", f.bytes, f.size);
  ok(provider_open("one", NULL, &open[0], &err));
  ok(provider_open("./one", NULL, &open[1], &err));
  ok(provider_open("two", NULL, &open[2], &err));
  ok(provider_open("one", &second, &open[3], &err));
  tc_cache *cache = new_cache(1 << 20);
  for (int i = 0; i < 4; i++)
    p[i] = cached(open[i], cache);
  assert_string_equal(provider_key(p[0]), provider_key(p[1]));
  assert_string_not_equal(provider_key(p[0]), provider_key(p[2]));
  assert_string_not_equal(provider_key(p[0]), provider_key(p[3]));
  for (int i = 0; i < 4; i++)
    assert_page(p[i], i == 3);
  assert_int_equal(stats_of(cache).loads, 3 * STRIPS);
  for (int i = 0; i < 4; i++) {
    provider_release(open[i]);
    provider_release(p[i]);
  }
  tc_release(cache);
}

static void what_cannot_be_opened_says_why(void **state)
{
  (void)state;
  image_file f = tiff(), text, empty;
  tc_open_options third = page_of(2), negative = page_of(-1);
  memset(&empty, 0, sizeof empty);
  memset(&text, 0, sizeof text);
  text.size = (size_t)sprintf((char *)text.bytes, "This is a letter, and no image at all.\n");
  write_file("good", f.bytes, f.size);
  write_file("text", text.bytes, text.size);
  write_file("empty", empty.bytes, 0);
  write_file("header", f.bytes, 8);
  write_file("half", f.bytes, f.size / 4);
  const struct { const char *path; const tc_open_options *options; tc_status status; const char *names; } rows[] = {
    {"missing", NULL, TC_E_NOT_FOUND, "missing"},   {"no/such/directory", NULL, TC_E_NOT_FOUND, "no/such/directory"},
    {".", NULL, TC_E_UNSUPPORTED, "regular file"},     {"text", NULL, TC_E_UNSUPPORTED, "tc_gdal_open"},
    {"/vsizip/all.zip/scene.tif", NULL, TC_E_NOT_FOUND, "tc_gdal_open"},
    {"https://there.example/scene.tif", NULL, TC_E_NOT_FOUND, "tc_gdal_open"},
    {"empty", NULL, TC_E_UNSUPPORTED, ""},          {"header", NULL, TC_E_CORRUPT, "header: TIFF: "},
    {"half", NULL, TC_E_CORRUPT, "half: TIFF: "},               {"good", &third, TC_E_NOT_FOUND, "good: TIFF: image 2"},
    {"good", &negative, TC_E_RANGE, "-1"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    tc_provider *p = NULL;
    fails(rows[i].status, rows[i].names, provider_open(rows[i].path, rows[i].options, &p, &err));
    assert_null(p);
  }
}

/* A file says what it is, operators say it on, and only the reader that is asked for opens it. */
static void formats_are_told_and_chosen(void **state)
{
  (void)state;
  image_file f = tiff();
  tc_open_options only = {.struct_size = sizeof only, .format = "tiff"};
  tc_provider *file = NULL, *tiles = NULL, *mask = NULL;
  write_file("scene", f.bytes, f.size);
  ok(provider_open("scene", &only, &file, &err));
  assert_string_equal(provider_format(file), "TIFF");
  ok(provider_retile(file, NULL, NULL, &tiles, &err));
  assert_string_equal(provider_format(tiles), "TIFF");
  ok(provider_mask(tiles, &mask, &err));
  assert_string_equal(provider_format(mask), "TIFF");
  provider_release(mask);
  provider_release(tiles);
  provider_release(file);
  only.format = "PNG";
  fails(TC_E_UNSUPPORTED, "scene: is not PNG", provider_open("scene", &only, &file, &err));
  only.format = "GIF";
  fails(TC_E_ARGUMENT, "GIF", provider_open("scene", &only, &file, &err));
}

static void readers_say_what_they_read(void **state)
{
  (void)state;
  size_t tiffs = 0;
  assert_true(tc_format_count() >= 5);
  for (size_t i = 0; i < tc_format_count(); i++) {
    tc_format reader = {.struct_size = sizeof reader};
    ok(tc_format_info(i, &reader, &err));
    assert_int_equal(reader.struct_size, sizeof reader);
    const char *texts[] = {reader.name, reader.long_name, reader.extensions, reader.media_types, reader.reads, reader.lacks};
    for (size_t t = 0; t < COUNT(texts); t++)
      assert_true(strlen(texts[t]) > 2);
    assert_non_null(strchr(reader.media_types, '/'));
    assert_true(reader.flags & TC_FORMAT_IO && reader.flags & TC_FORMAT_CONCURRENT);
    if (strcmp(reader.name, "TIFF") == 0) {
      assert_true(reader.flags & TC_FORMAT_IMAGES && reader.flags & TC_FORMAT_MASKS);
      tiffs++;
    }
    /* A name is good for opening, whatever else the file is. */
    tc_open_options only = {.struct_size = sizeof only, .format = reader.name};
    tc_provider *p = NULL;
    write_file("nothing", "", 0);
    fails(TC_E_UNSUPPORTED, reader.name, provider_open("nothing", &only, &p, &err));
  }
  assert_int_equal(tiffs, 1);
}

static const char nodata_beside[] =
  "<PAMDataset><PAMRasterBand band=\"1\"><NoDataValue>9</NoDataValue>"
  "<Metadata><MDI key=\"STATISTICS_MEAN\">4.5</MDI></Metadata></PAMRasterBand></PAMDataset>";

static const char mask_of_all[] = "<GDALMetadata><Item name=\"INTERNAL_MASK_FLAGS_1\">2</Item></GDALMetadata>";

static image_file text_file(const char *text)
{
  image_file f;
  memset(&f, 0, sizeof f);
  f.size = strlen(text);
  memcpy(f.bytes, text, f.size);
  return f;
}

static void assert_beside(tc_provider *p)
{
  tc_image_info info = info_of(p);
  tc_band_info band = {.struct_size = sizeof band};
  tc_provider *mask = NULL;
  assert_page(p, 0);
  assert_int_equal(info.levels, 2);
  assert_true(info.flags & TC_IMAGE_HAS_MASK);
  ok(provider_band_info(p, 0, &band, &err));
  assert_true(band.flags & TC_BAND_HAS_NODATA);
  assert_string_equal(provider_metadata(p, 0, "STATISTICS_MEAN"), "4.5");
  assert_null(provider_metadata(p, -1, "TC:WARNING:1"));
  uint8_t half[HALF_HEIGHT][HALF_WIDTH], whole[HEIGHT][WIDTH];
  tc_target to = {half, 1, HALF_WIDTH, 0, HALF_WIDTH, HALF_HEIGHT, 1, TC_U8};
  ok(provider_read_window(p, 0, 0, 1, NULL, 0, &to, &err));
  for (int i = 0; i < HALF_HEIGHT * HALF_WIDTH; i++)
    assert_int_equal(half[i / HALF_WIDTH][i % HALF_WIDTH], (uint8_t)(50 + i));
  ok(provider_mask(p, &mask, &err));
  tc_target of_mask = {whole, 1, WIDTH, 0, WIDTH, HEIGHT, 1, TC_U8};
  ok(provider_read_window(mask, 0, 0, 0, NULL, 0, &of_mask, &err));
  for (int i = 0; i < HEIGHT * WIDTH; i++)
    assert_int_equal(whole[i / WIDTH][i % WIDTH], (uint8_t)(250 + i) != 0 ? 255 : 0);
  provider_release(mask);
}

/* Overviews, a mask and a description, found in the folder, or opened by the caller for bytes of its own. */
static void files_beside_bytes_are_opened_by_their_caller(void **state)
{
  (void)state;
  image_file f = tiff(), half = picture(1, HALF_WIDTH, HALF_HEIGHT, 50, NULL);
  image_file mask = picture(0, WIDTH, HEIGHT, 250, mask_of_all), said = text_file(nodata_beside);
  tc_provider *p = NULL;
  write_file("beside", f.bytes, f.size);
  write_file("beside.ovr", half.bytes, half.size);
  write_file("beside.msk", mask.bytes, mask.size);
  write_file("beside.aux.xml", said.bytes, said.size);
  ok(provider_open("beside", NULL, &p, &err));
  assert_beside(p);
  provider_release(p);
  others o;
  memset(&o, 0, sizeof o);
  add_other(&o, ".ovr", &half);
  add_other(&o, ".msk", &mask);
  add_other(&o, ".aux.xml", &said);
  bytes b = {&f, 0, 0};
  tc_io io = io_over(&b);
  tc_open_options options = {.struct_size = sizeof options, .open_beside = open_other, .user = &o};
  ok(provider_open_io(&io, &options, &p, &err));
  assert_string_equal(o.asked, ".ovr .msk .msk.ovr .aux.xml *.tfw *.tifw *.wld ");
  assert_beside(p);
  for (int i = 0; i < 2; i++)
    assert_int_equal(o.files[i].bytes.released, 0);
  assert_int_equal(o.files[2].bytes.released, 1); /* a description is read once */
  provider_release(p);
  assert_int_equal(b.released, 1);
  for (int i = 0; i < 3; i++)
    assert_int_equal(o.files[i].bytes.released, 1);
  /* The caller's before those of the folder, and none where none are wanted. */
  o.count = 0;
  ok(provider_open("beside", &options, &p, &err));
  assert_int_equal(info_of(p).levels, 1);
  provider_release(p);
  options = (tc_open_options){.struct_size = sizeof options, .flags = TC_OPEN_ALONE};
  ok(provider_open("beside", &options, &p, &err));
  assert_int_equal(info_of(p).levels, 1);
  assert_page(p, 0);
  provider_release(p);
}

static void a_file_beside_that_fails_is_released_and_fails_the_opening(void **state)
{
  (void)state;
  image_file f = tiff(), half = picture(1, HALF_WIDTH, HALF_HEIGHT, 50, NULL), junk = text_file("no TIFF at all");
  others o;
  memset(&o, 0, sizeof o);
  add_other(&o, ".ovr", &half);
  bytes b = {&f, 0, 0};
  tc_io io = io_over(&b);
  tc_open_options options = {.struct_size = sizeof options, .open_beside = open_other, .user = &o};
  tc_provider *p = NULL;
  o.fail = 42;
  fails(TC_E_SOURCE, "the door is shut", provider_open_io(&io, &options, &p, &err));
  assert_int_equal(err.source_code, 42);
  o.fail = 0;
  o.without_read = true;
  fails(TC_E_ARGUMENT, "open_beside: io.read_at", provider_open_io(&io, &options, &p, &err));
  assert_int_equal(o.files[0].bytes.released, 1);
  o.without_read = false;
  o.files[0].bytes.fail = 43;
  fails(TC_E_SOURCE, ".ovr beside the file: the wire is cut", provider_open_io(&io, &options, &p, &err));
  assert_int_equal(err.source_code, 43);
  assert_int_equal(o.files[0].bytes.released, 2);
  assert_null(p);
  assert_int_equal(b.released, 0);
  /* What is no use is released too, and told. */
  o.files[0].bytes.fail = 0;
  o.files[0].file = junk;
  ok(provider_open_io(&io, &options, &p, &err));
  assert_int_equal(o.files[0].bytes.released, 3);
  assert_non_null(strstr(provider_metadata(p, -1, "TC:WARNING:1"), ".ovr beside the file: is not TIFF"));
  assert_page(p, 0);
  provider_release(p);
  /* Refused, if nothing is to be overlooked; what is whole is opened strictly too. */
  b.released = 0;
  options.flags = TC_OPEN_STRICT;
  fails(TC_E_CORRUPT, ".ovr beside the file: is not TIFF", provider_open_io(&io, &options, &p, &err));
  assert_null(p);
  assert_int_equal(o.files[0].bytes.released, 4);
  assert_int_equal(b.released, 0);
  o.files[0].file = half;
  ok(provider_open_io(&io, &options, &p, &err));
  assert_null(provider_metadata(p, -1, "TC:WARNING:1"));
  provider_release(p);
}

/* Inks, and what GDAL makes of them: (255 - ink) * (255 - black) / 255. */
static void inks_are_shown_as_rgb_by_option(void **state)
{
  (void)state;
  enum { SHORT = 3, LONG = 4, SIDE = 3, BANDS = 4, ENTRIES = 8 };
  image_file f;
  memset(&f, 0, sizeof f);
  put(&f, 0x4949, 2);
  put(&f, 42, 2);
  put(&f, 8, 4);
  put(&f, ENTRIES, 2);
  put_entry(&f, 256, SHORT, 1, SIDE);
  put_entry(&f, 257, SHORT, 1, SIDE);
  put_entry(&f, 258, SHORT, 1, 8);
  put_entry(&f, 259, SHORT, 1, 1); /* no compression */
  put_entry(&f, 262, SHORT, 1, 5); /* inks */
  put_entry(&f, 273, LONG, 1, 8 + 2 + 12 * ENTRIES + 4);
  put_entry(&f, 277, SHORT, 1, BANDS);
  put_entry(&f, 279, LONG, 1, SIDE * SIDE * BANDS);
  put(&f, 0, 4);
  for (uint32_t i = 0; i < SIDE * SIDE * BANDS; i++)
    put(&f, i * 7, 1);
  bytes b = {&f, 0, 0};
  tc_io io = io_over(&b);
  tc_open_options options = {.struct_size = sizeof options, .flags = TC_OPEN_RGB, .key = "inks"};
  tc_provider *stored = NULL, *shown = NULL;
  ok(provider_open_io(&io, &options, &shown, &err));
  options.flags = 0;
  ok(provider_open_io(&io, &options, &stored, &err));
  assert_int_equal(info_of(stored).bands, BANDS);
  assert_int_equal(info_of(shown).bands, 3);
  assert_int_equal(info_of(shown).dtype, TC_U8);
  assert_string_equal(provider_key(stored), "inks:image:0");
  assert_string_equal(provider_key(shown), "inks:rgb:image:0");
  assert_string_equal(provider_metadata(shown, -1, "SOURCE_COLOR_SPACE"), "CMYK");
  tc_tile *tile = get(shown, 0, 0, 0);
  tc_pixels p;
  tc_tile_pixels(tile, &p);
  for (int32_t band = 0; band < 3; band++) {
    tc_band_info about = {.struct_size = sizeof about};
    ok(provider_band_info(shown, band, &about, &err));
    assert_int_equal(about.colour, TC_COLOUR_RED + band);
    for (int64_t y = 0; y < SIDE; y++)
      for (int64_t x = 0; x < SIDE; x++) {
        const uint8_t *at = (const uint8_t *)p.data + band * p.band_stride + y * p.row_stride + x;
        const int64_t first = (y * SIDE + x) * BANDS;
        const int64_t ink = (first + band) * 7 % 256, black = (first + 3) * 7 % 256;
        assert_int_equal(*at, (255 - ink) * (255 - black) / 255);
      }
  }
  tc_tile_release(tile);
  provider_release(shown);
  provider_release(stored);
  /* What is no ink is as without it. */
  image_file grey = tiff();
  b = (bytes){&grey, 0, 0};
  io = io_over(&b);
  options.flags = TC_OPEN_RGB;
  ok(provider_open_io(&io, &options, &shown, &err));
  assert_string_equal(provider_key(shown), "inks:image:0");
  assert_page(shown, 0);
  provider_release(shown);
  options.flags = TC_OPEN_RGB << 1;
  fails(TC_E_ARGUMENT, "flags of options is 0x20", provider_open_io(&io, &options, &shown, &err));
}

/* The directories are there, some pixels are not: only their blocks fail. */
static void a_hole_in_the_data_fails_only_its_block(void **state)
{
  (void)state;
  image_file f = tiff();
  bytes b = {&f, 0, 0};
  tc_io io = io_over(&b);
  tc_provider *p = NULL;
  ok(provider_open_io(&io, NULL, &p, &err));
  touch(p, 0, 0, 0);
  b.fail = 42;
  tc_tile *tile = NULL;
  fails(TC_E_SOURCE, "the wire is cut", provider_get_block(p, 1, 0, 0, NULL, 0, &tile, &err));
  assert_int_equal(err.source_code, 42);
  assert_null(tile);
  b.fail = 0;
  assert_page(p, 0);
  provider_release(p);
}

/* A change under us is told, and nothing read across it is kept. */
static void a_change_of_the_file_is_an_error(void **state)
{
  (void)state;
  image_file f = tiff();
  tc_provider *open = NULL;
  tc_tile *tile = NULL;
  write_file("changing", f.bytes, f.size);
  ok(provider_open("changing", NULL, &open, &err));
  tc_cache *cache = new_cache(1 << 20);
  tc_provider *p = cached(open, cache);
  tc_tile *before = get(p, 0, 0, 0);
  f.bytes[f.size++] = 0; /* another size, so that the change does not hang on the clock's step */
  write_file("changing", f.bytes, f.size);
  fails(TC_E_CHANGED, "changing: TIFF: block (row 1, column 0) of level 0: ", provider_get_block(p, 1, 0, 0, NULL, 0, &tile, &err));
  assert_null(tile);
  assert_int_equal(stats_of(cache).entries, 1);
  assert_int_equal(*(const uint8_t *)data_of(before), pixel_of(0, 0, 0));
  tc_tile_release(before);
  provider_release(open);
  provider_release(p);
  tc_release(cache);
}

/* A file renamed over keeps being read from where it was. */
static void a_file_renamed_over_stays_readable(void **state)
{
  (void)state;
  image_file f = tiff();
  tc_provider *p = NULL;
  write_file("old", f.bytes, f.size);
  ok(provider_open("old", NULL, &p, &err));
  write_file("new", "nothing", 7);
  assert_int_equal(rename("new", "old"), 0);
  assert_page(p, 0);
  provider_release(p);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_file_is_read_by_path),
    cmocka_unit_test(a_file_is_read_from_memory),
    cmocka_unit_test(metadata_can_be_listed),
    cmocka_unit_test(identity_is_the_file_and_its_page),
    cmocka_unit_test(what_cannot_be_opened_says_why),
    cmocka_unit_test(formats_are_told_and_chosen),
    cmocka_unit_test(readers_say_what_they_read),
    cmocka_unit_test(files_beside_bytes_are_opened_by_their_caller),
    cmocka_unit_test(a_file_beside_that_fails_is_released_and_fails_the_opening),
    cmocka_unit_test(inks_are_shown_as_rgb_by_option),
    cmocka_unit_test(a_hole_in_the_data_fails_only_its_block),
    cmocka_unit_test(a_change_of_the_file_is_an_error),
    cmocka_unit_test(a_file_renamed_over_stays_readable),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
