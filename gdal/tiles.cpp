#include "tiles.h"

#include <algorithm>
#include <cstring>

namespace {

// Whether each sample of one type is a sample of the other, so that nothing is rounded, clamped or left out.
bool holds(GDALDataType type, GDALDataType stored)
{
  return !GDALDataTypeIsComplex(type) && GDALDataTypeUnion(type, stored) == type;
}

} // namespace

bool Tiles::open(tc_provider *source, const Options &options, tc_cache *cache)
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
  if (status != TC_OK)
    fail(err);
  return status == TC_OK;
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
  // Memory that overlaps itself is GDAL's to make sense of.
  if (into.pixelSpace == 0 || into.pixelSpace != static_cast<int>(into.pixelSpace) ||
      (into.lineSpace == 0 && from.height > 1) || (into.bandSpace == 0 && bands.size() > 1))
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
  if (provider_read_window(m_provider.get(), from.x, from.y, 0, bands.data(), bands.size(), &target, &err) != TC_OK)
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

CPLErr Tiles::readBlock(int col, int row, int32_t band, GDALDataType type, bool signedBytes, void *into) const
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
  tc_target target{};
  target.data = into;
  target.pixel_stride = GDALGetDataTypeSizeBytes(type);
  target.row_stride = target.pixel_stride * m_info.block_width;
  target.band_stride = target.row_stride * m_info.block_height;
  target.width = pixels.width;
  target.height = pixels.height;
  target.bands = 1;
  target.dtype = dtypeOf(type, signedBytes);
  // GDAL does not look at what lies beyond the edge, but it copies it.
  if (pixels.width < m_info.block_width || pixels.height < m_info.block_height)
    memset(into, 0, static_cast<size_t>(target.band_stride));
  if (tc_tile_copy(got, 0, 0, together ? &band : &first, 1, &target, &err) != TC_OK)
    return fail(err);
  return CE_None;
}
