// The header alone, included twice, as C++17: its functions have C linkage, its structs are plain.
#include "tilecache.h"
#include "tilecache.h"

#include <type_traits>

static_assert(std::is_trivial<tc_error>::value && std::is_standard_layout<tc_error>::value, "tc_error");
static_assert(std::is_trivial<tc_source>::value && std::is_standard_layout<tc_source>::value, "tc_source");

int main()
{
  tc_error err{};
  tc_cache *cache = nullptr;
  if (tc_create(0, nullptr, &cache, &err) != TC_OK)
    return 1;
  tc_release(cache);
  return tc_library_version() == TC_LIBRARY_VERSION ? 0 : 1;
}
