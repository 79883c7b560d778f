#include "options.h"

#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include <cpl_conv.h>
#include <cpl_error.h>
#include <cpl_string.h>
#include <cpl_vsi.h>

#include "tilecache.h"

const char *const connectionPrefix = "TILECACHE:";

namespace {

const std::array<const char *, 12> names = {"tile",   "pad",    "cache", "source", "rgb",        "layers", "overviews",
                                            "filter", "native", "srs",   "resolution", "resampling"};

const std::array<const char *, 12> filters = {"NEAREST", "AVERAGE", "BILINEAR", "CUBIC",  "LANCZOS", "GAUSS",
                                              "MODE",    "MIN",     "MAX",      "MEDIAN", "RMS",     "SIPS"};

bool isName(const std::string &name)
{
  for (const char *known : names)
    if (EQUAL(name.c_str(), known))
      return true;
  return false;
}

// Of an item <name>=<value> the name; or all of it.
std::string nameOf(const char *item)
{
  const char *equals = std::strchr(item, '=');
  return equals == nullptr ? std::string(item) : std::string(item, equals);
}

bool isFile(const std::string &path)
{
  VSIStatBufL stat;
  return VSIStatExL(path.c_str(), &stat, VSI_STAT_EXISTS_FLAG) == 0;
}

// Whether what stands behind the question mark is meant as options, of which not all are known: else it belongs to the
// path, as in URLs and in names of files.
bool isMeantAsOptions(const std::string &path, size_t mark, const CPLStringList &items)
{
  if (STARTS_WITH(path.c_str(), "/vsi") || path.find("://") != std::string::npos || isFile(path))
    return false;
  for (int i = 0; i < items.size(); i++)
    if (isName(nameOf(items[i])))
      return true;
  return isFile(path.substr(0, mark));
}

// The first item that is no <known name>=<value>; NULL if there is none.
const char *firstUnknown(const CPLStringList &items)
{
  for (int i = 0; i < items.size(); i++)
    if (std::strchr(items[i], '=') == nullptr || !isName(nameOf(items[i])))
      return items[i];
  return nullptr;
}

bool parseNumber(const char *text, const char **end, uint64_t &number)
{
  if (*text < '0' || *text > '9')
    return false;
  char *after = nullptr;
  number = std::strtoull(text, &after, 10);
  *end = after;
  return true;
}

bool parseTile(const char *text, int64_t &width, int64_t &height)
{
  constexpr uint64_t most = 1 << 20;
  uint64_t w = 0, h = 0;
  const char *end = nullptr;
  if (!parseNumber(text, &end, w))
    return false;
  h = w;
  if ((*end == 'x' || *end == 'X') && !parseNumber(end + 1, &end, h))
    return false;
  if (*end != '\0' || w == 0 || h == 0 || w > most || h > most)
    return false;
  width = static_cast<int64_t>(w);
  height = static_cast<int64_t>(h);
  return true;
}

bool parseOverviews(const char *text, int32_t &overviews)
{
  constexpr uint64_t most = 31;
  uint64_t count = 0;
  const char *end = nullptr;
  if (EQUAL(text, "ALL")) {
    overviews = -1;
    return true;
  }
  if (!parseNumber(text, &end, count) || *end != '\0' || count > most)
    return false;
  overviews = static_cast<int32_t>(count);
  return true;
}

bool parseLayers(const char *text, uint32_t &layers)
{
  constexpr uint64_t most = 65535;
  uint64_t count = 0;
  const char *end = nullptr;
  if (!parseNumber(text, &end, count) || *end != '\0' || count > most)
    return false;
  layers = static_cast<uint32_t>(count);
  return true;
}

bool parseFilter(const char *text, uint32_t &filter)
{
  for (size_t i = 0; i < filters.size(); i++)
    if (EQUAL(text, filters[i])) {
      filter = static_cast<uint32_t>(TC_FILTER_NEAREST + i);
      return true;
    }
  return false;
}

bool parseResolution(const char *text, double &x, double &y)
{
  char *end = nullptr;
  x = y = CPLStrtod(text, &end);
  if (*end == 'x' || *end == 'X')
    y = CPLStrtod(end + 1, &end);
  return *end == '\0' && std::isfinite(x) && std::isfinite(y) && x > 0 && y > 0;
}

bool set(Options &options, const std::string &name, const char *value)
{
  bool good = false;
  if (EQUAL(name.c_str(), "tile")) {
    good = parseTile(value, options.tileWidth, options.tileHeight);
  } else if (EQUAL(name.c_str(), "pad")) {
    options.pad = CPLTestBool(value);
    good = true;
  } else if (EQUAL(name.c_str(), "cache")) {
    good = options.hasCache = parseBytes(value, options.cache);
  } else if (EQUAL(name.c_str(), "source")) {
    good = true;
    if (EQUAL(value, "AUTO"))
      options.reader = Reader::automatic;
    else if (EQUAL(value, "TILECACHE"))
      options.reader = Reader::tilecache;
    else if (EQUAL(value, "GDAL"))
      options.reader = Reader::gdal;
    else
      good = false;
  } else if (EQUAL(name.c_str(), "rgb")) {
    options.rgb = CPLTestBool(value);
    good = true;
  } else if (EQUAL(name.c_str(), "layers")) {
    good = parseLayers(value, options.layers);
  } else if (EQUAL(name.c_str(), "overviews")) {
    good = options.computes = parseOverviews(value, options.overviews);
  } else if (EQUAL(name.c_str(), "filter")) {
    good = options.computes = parseFilter(value, options.filter);
  } else if (EQUAL(name.c_str(), "native")) {
    options.usesNative = CPLTestBool(value);
    good = options.computes = true;
  } else if (EQUAL(name.c_str(), "srs")) {
    options.srs = value;
    // Coarse levels of what is seen elsewhere are made from coarse levels of the raster.
    good = options.computes = !options.srs.empty();
  } else if (EQUAL(name.c_str(), "resolution")) {
    good = parseResolution(value, options.resolutionX, options.resolutionY);
  } else if (EQUAL(name.c_str(), "resampling")) {
    good = parseFilter(value, options.resampling);
  }
  if (!good)
    CPLError(CE_Failure, CPLE_IllegalArg, "TILECACHE: %s=%s is not understood", name.c_str(), value);
  return good;
}

} // namespace

bool parseBytes(const char *text, uint64_t &bytes)
{
  struct Unit {
    const char *name;
    uint64_t bytes;
  };
  static const std::array<Unit, 13> units = {{{"", 1},
                                              {"B", 1},
                                              {"K", 1 << 10},
                                              {"KiB", 1 << 10},
                                              {"KB", 1000},
                                              {"M", 1 << 20},
                                              {"MiB", 1 << 20},
                                              {"MB", 1000 * 1000},
                                              {"G", 1 << 30},
                                              {"GiB", 1 << 30},
                                              {"GB", 1000 * 1000 * 1000},
                                              {"T", uint64_t{1} << 40},
                                              {"TiB", uint64_t{1} << 40}}};
  const char *end = nullptr;
  if (!parseNumber(text, &end, bytes))
    return false;
  for (const Unit &unit : units)
    if (EQUAL(end, unit.name) && bytes <= UINT64_MAX / unit.bytes) {
      bytes *= unit.bytes;
      return true;
    }
  return false;
}

namespace {

// Takes options off the path.
bool readQuery(Options &options)
{
  const size_t mark = options.path.rfind('?');
  if (mark == std::string::npos)
    return true;
  const CPLStringList items(CSLTokenizeString2(options.path.c_str() + mark + 1, "&", 0));
  if (items.empty())
    return true;
  if (const char *unknown = firstUnknown(items)) {
    if (!isMeantAsOptions(options.path, mark, items))
      return true;
    const std::string name = nameOf(unknown);
    CPLError(CE_Failure, CPLE_IllegalArg,
             isName(name) ? "TILECACHE: option %s has no value" : "TILECACHE: unknown option %s", name.c_str());
    return false;
  }
  options.path.resize(mark);
  for (int i = 0; i < items.size(); i++)
    if (!set(options, nameOf(items[i]), std::strchr(items[i], '=') + 1))
      return false;
  return true;
}

} // namespace

bool readOptions(const char *connection, char **openOptions, Options &options)
{
  options.path = connection + std::strlen(connectionPrefix);
  if (!readQuery(options))
    return false;
  for (const char *name : names) {
    const char *value = CSLFetchNameValue(openOptions, name);
    if (value != nullptr && !set(options, name, value))
      return false;
  }
  if (options.path.empty()) {
    CPLError(CE_Failure, CPLE_IllegalArg, "TILECACHE: %s names no raster", connection);
    return false;
  }
  if (options.rgb && options.reader == Reader::gdal) {
    CPLError(CE_Failure, CPLE_IllegalArg, "TILECACHE: rgb=YES is not for source=GDAL, which shows what GDAL shows");
    return false;
  }
  if (options.rgb)
    options.reader = Reader::tilecache;
  return true;
}
