#include "tiles.h"

#include <algorithm>
#include <climits>
#include <cstring>

namespace {

// Whether each sample of one type is a sample of the other, so that nothing is rounded, clamped or left out.
bool holds(GDALDataType type, GDALDataType stored)
{
  return !GDALDataTypeIsComplex(type) && GDALDataTypeUnion(type, stored) == type;
}

// Whether memory overlaps itself, which is GDAL's to make sense of.
bool overlaps(const Buffer &into, int64_t rows, size_t bands)
{
  return into.pixelSpace == 0 || into.pixelSpace != static_cast<int>(into.pixelSpace) ||
         (into.lineSpace == 0 && rows > 1) || (into.bandSpace == 0 && bands > 1);
}

int64_t blockBytes(const tc_image_info &source, int sampleBytes)
{
  return source.block_width * source.block_height * source.bands * sampleBytes;
}

// Whether the blocks of a raster may stand for tiles, which would be a second copy of what the budget holds: not where
// a place of the size of a tile takes so many blocks, or so large ones, that tiles keep many more places.
bool keepsBlocks(const tc_image_info &source, const tc_image_info &tiles, int sampleBytes, uint64_t budget)
{
  constexpr int64_t mostTiles = 64, leastInBudget = 16;
  const int64_t place = std::max(source.block_width, tiles.block_width) * std::max(source.block_height, tiles.block_height);
  return place / mostTiles <= tiles.block_width * tiles.block_height &&
         static_cast<uint64_t>(blockBytes(source, sampleBytes)) <= budget / leastInBudget;
}

// Whether blocks are small parts of a file without compression, of which tiles are read by many at once.
bool areShort(const tc_image_info &source, int sampleBytes)
{
  constexpr int64_t shortest = 64 << 10;
  return (source.flags & TC_IMAGE_WINDOWED) != 0 && blockBytes(source, sampleBytes) < shortest;
}

// Copies samples at some places of a row, which are from `first` on, to the beginning of another.
template <typename Sample>
void pick(const GByte *row, int64_t first, const int *columns, size_t count, GByte *into)
{
  for (size_t i = 0; i < count; i++)
    memcpy(into + i * sizeof(Sample), row + (columns[i] - first) * static_cast<int64_t>(sizeof(Sample)), sizeof(Sample));
}

void pick(int size, const GByte *row, int64_t first, const int *columns, size_t count, GByte *into)
{
  struct Sixteen {
    GByte bytes[16];
  };
  switch (size) {
  case 1:
    return pick<GByte>(row, first, columns, count, into);
  case 2:
    return pick<uint16_t>(row, first, columns, count, into);
  case 4:
    return pick<uint32_t>(row, first, columns, count, into);
  case 8:
    return pick<uint64_t>(row, first, columns, count, into);
  default:
    return pick<Sixteen>(row, first, columns, count, into);
  }
}

// Where those end, of values in rising order from `begin` on, that lie below a limit.
size_t endBelow(const std::vector<int> &values, size_t begin, int64_t limit)
{
  const auto from = values.begin() + static_cast<std::ptrdiff_t>(begin);
  return static_cast<size_t>(std::lower_bound(from, values.end(), limit) - values.begin());
}

} // namespace

bool Tiles::open(tc_provider *source, int sampleBytes, const Options &options, tc_cache *cache)
{
  const Provider from(source);
  tc_retile_options retile{};
  tc_provider *tiles = nullptr;
  tc_error err;
  retile.struct_size = sizeof retile;
  retile.pad_edges = options.pad ? 1 : 0;
  retile.tile_width = options.tileWidth;
  retile.tile_height = options.tileHeight;
  m_info.struct_size = sizeof m_info;
  tc_status status = provider_retile(source, &retile, cache, &tiles, &err);
  m_provider.reset(tiles);
  if (status == TC_OK)
    status = provider_info(tiles, &m_info, &err);
  tc_image_info blocks{};
  tc_cache_stats stats{};
  blocks.struct_size = sizeof blocks;
  stats.struct_size = sizeof stats;
  if (status == TC_OK)
    status = provider_info(source, &blocks, &err);
  if (status == TC_OK)
    status = tc_statistics(cache, &stats, &err);
  // What fills up tiles at the edges is in no block.
  if (status == TC_OK && !options.pad && keepsBlocks(blocks, m_info, sampleBytes, stats.budget)) {
    tc_provider *cached = nullptr;
    status = provider_cached(source, cache, &cached, &err);
    m_blocks.reset(cached);
    m_readsBlocks = cached != nullptr && !areShort(blocks, sampleBytes);
    if (blocks.block_width >= blocks.width && m_info.block_width < blocks.width)
      m_stripRows = static_cast<int>(std::min<int64_t>(blocks.block_height, INT_MAX));
  }
  if (status != TC_OK)
    fail(err);
  return status == TC_OK;
}

std::string Tiles::counters() const
{
  size_t bytes = 0;
  provider_counters_json(windows(), nullptr, 0, &bytes, nullptr);
  // Numbers grow meanwhile.
  std::string text(bytes + 64, '\0');
  if (provider_counters_json(windows(), &text[0], text.size(), &bytes, nullptr) != TC_OK)
    return "";
  text.resize(std::strlen(text.c_str()));
  return text;
}

GDALColorInterp Tiles::colour(int32_t band) const
{
  tc_band_info about{};
  about.struct_size = sizeof about;
  provider_band_info(m_provider.get(), band, &about, nullptr);
  for (int colour = GCI_Undefined; colour <= GCI_Max; colour++)
    if (tcgdal_colour(static_cast<GDALColorInterp>(colour)) == about.colour)
      return static_cast<GDALColorInterp>(colour);
  return GCI_Undefined;
}

CPLErr Tiles::read(const Window &from, const std::vector<int32_t> &bands, GDALDataType stored, const Buffer &into) const
{
  if (overlaps(into, from.height, bands.size()))
    return CE_Warning;
  // Bytes that are signed by metadata only are bytes to GDAL, which converts 255 and not -1.
  const bool signedBytes = m_info.dtype == TC_I8 && stored == GDT_Byte;
  if (into.type == stored)
    return readAs(m_info.dtype, from, bands, into);
  if (!signedBytes && holds(into.type, stored))
    return readAs(dtypeOf(into.type, false), from, bands, into);
  return readConverted(from, bands, stored, into);
}

CPLErr Tiles::readAs(tc_dtype dtype, const Window &from, const std::vector<int32_t> &bands, const Buffer &into) const
{
  tc_target target{};
  target.data = into.data;
  target.pixel_stride = into.pixelSpace;
  target.row_stride = into.lineSpace;
  target.band_stride = into.bandSpace;
  target.width = from.width;
  target.height = from.height;
  target.bands = static_cast<int32_t>(bands.size());
  target.dtype = dtype;
  tc_error err;
  if (provider_read_window(windows(), from.x, from.y, 0, bands.data(), bands.size(), &target, &err) != TC_OK)
    return fail(err);
  return CE_None;
}

// Piece by piece, each not wider than a tile and of about a mebibyte.
CPLErr Tiles::readConverted(const Window &from, const std::vector<int32_t> &bands, GDALDataType stored,
                            const Buffer &into) const
{
  const int size = GDALGetDataTypeSizeBytes(stored), count = static_cast<int>(bands.size());
  const int width = static_cast<int>(std::min<int64_t>(from.width, m_info.block_width));
  const GSpacing line = static_cast<GSpacing>(width) * size;
  const int rows = static_cast<int>(std::clamp<GSpacing>((1 << 20) / (line * count), 1, from.height));
  const GSpacing band = line * rows;
  const std::unique_ptr<void, decltype(&VSIFree)> piece(VSI_MALLOC2_VERBOSE(static_cast<size_t>(band), bands.size()),
                                                        VSIFree);
  if (piece == nullptr)
    return CE_Failure;
  for (int x = 0; x < from.width; x += width)
    for (int y = 0; y < from.height; y += rows) {
      const Window part = {from.x + x, from.y + y, std::min(width, from.width - x), std::min(rows, from.height - y)};
      if (readAs(m_info.dtype, part, bands, {piece.get(), stored, size, line, band}) != CE_None)
        return CE_Failure;
      for (int i = 0; i < count; i++)
        for (int row = 0; row < part.height; row++)
          GDALCopyWords64(static_cast<GByte *>(piece.get()) + i * band + row * line, stored, size,
                          static_cast<GByte *>(into.data) + i * into.bandSpace + (y + row) * into.lineSpace +
                              x * into.pixelSpace,
                          into.type, static_cast<int>(into.pixelSpace), part.width);
    }
  return CE_None;
}

CPLErr Tiles::readCrossings(const std::vector<int> &columns, const std::vector<int> &rows,
                            const std::vector<int32_t> &bands, GDALDataType stored, const Buffer &into) const
{
  if (overlaps(into, static_cast<int64_t>(rows.size()), bands.size()))
    return CE_Warning;
  tc_provider *const blocks = m_blocks != nullptr ? m_blocks.get() : m_provider.get();
  const int size = GDALGetDataTypeSizeBytes(stored);
  tc_image_info grid{};
  tc_error err;
  grid.struct_size = sizeof grid;
  if (provider_info(blocks, &grid, &err) != TC_OK)
    return fail(err);
  const bool together = bands.size() > 1 && (grid.flags & TC_IMAGE_BANDS_TOGETHER) != 0;
  // As GDAL converts nearest neighbours: of many at once it makes other numbers of those that are none.
  const bool oneByOne = GDALDataTypeIsFloating(stored) && !GDALDataTypeIsFloating(into.type);
  std::vector<GByte> picked(columns.size() * static_cast<size_t>(size));
  for (size_t top = 0, bottom = 0; top < rows.size(); top = bottom) {
    const int64_t row = rows[top] / grid.block_height;
    bottom = endBelow(rows, top, (row + 1) * grid.block_height);
    for (size_t left = 0, right = 0; left < columns.size(); left = right) {
      const int64_t col = columns[left] / grid.block_width;
      right = endBelow(columns, left, (col + 1) * grid.block_width);
      tc_tile *got = nullptr;
      if (provider_get_block(blocks, row, col, 0, together ? nullptr : bands.data(), together ? 0 : bands.size(), &got,
                             &err) != TC_OK)
        return fail(err);
      const Tile tile(got);
      tc_pixels pixels;
      tc_tile_pixels(got, &pixels);
      for (size_t i = 0; i < bands.size(); i++)
        for (size_t y = top; y < bottom; y++) {
          const GByte *from = static_cast<const GByte *>(pixels.data) +
                              (together ? bands[i] : static_cast<int64_t>(i)) * pixels.band_stride +
                              (rows[y] - row * grid.block_height) * pixels.row_stride;
          pick(size, from, col * grid.block_width, &columns[left], right - left, picked.data());
          GByte *to = static_cast<GByte *>(into.data) + static_cast<GSpacing>(i) * into.bandSpace +
                      static_cast<GSpacing>(y) * into.lineSpace + static_cast<GSpacing>(left) * into.pixelSpace;
          const size_t count = right - left, atOnce = oneByOne ? 1 : count;
          for (size_t done = 0; done < count; done += atOnce)
            GDALCopyWords64(&picked[done * size], stored, size, to + static_cast<GSpacing>(done) * into.pixelSpace, into.type,
                            static_cast<int>(into.pixelSpace), static_cast<GPtrDiff_t>(atOnce));
        }
    }
  }
  return CE_None;
}

CPLErr Tiles::readBlock(int col, int row, int32_t band, GDALDataType type, bool signedBytes, void *into) const
{
  const int64_t x = col * m_info.block_width, y = row * m_info.block_height;
  tc_target target{};
  target.data = into;
  target.pixel_stride = GDALGetDataTypeSizeBytes(type);
  target.row_stride = target.pixel_stride * m_info.block_width;
  target.band_stride = target.row_stride * m_info.block_height;
  target.width = std::min(m_info.block_width, m_info.width - x);
  target.height = std::min(m_info.block_height, m_info.height - y);
  target.bands = 1;
  target.dtype = dtypeOf(type, signedBytes);
  // GDAL does not look at what lies beyond the edge, but it copies it.
  if (target.width < m_info.block_width || target.height < m_info.block_height)
    memset(into, 0, static_cast<size_t>(target.band_stride));
  tc_error err;
  if (!m_readsBlocks)
    return readTile(col, row, band, target);
  if (provider_read_window(m_blocks.get(), x, y, 0, &band, 1, &target, &err) != TC_OK)
    return fail(err);
  return CE_None;
}

CPLErr Tiles::readTile(int col, int row, int32_t band, tc_target &into) const
{
  // Where bands come together, the tile of all of them serves the next bands too.
  const bool together = (m_info.flags & TC_IMAGE_BANDS_TOGETHER) != 0;
  const int32_t first = 0;
  tc_tile *got = nullptr;
  tc_error err;
  if (provider_get_block(m_provider.get(), row, col, 0, together ? nullptr : &band, together ? 0 : 1, &got, &err) !=
      TC_OK)
    return fail(err);
  const Tile tile(got);
  tc_pixels pixels;
  tc_tile_pixels(got, &pixels);
  // Of a tile that is filled up all of it.
  into.width = pixels.width;
  into.height = pixels.height;
  if (tc_tile_copy(got, 0, 0, together ? &band : &first, 1, &into, &err) != TC_OK)
    return fail(err);
  return CE_None;
}
