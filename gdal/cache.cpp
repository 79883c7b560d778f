#include "cache.h"

#include <mutex>

namespace {

std::mutex cacheLock;
tc_cache *theCache = nullptr;
uint64_t theBudget = 0;

} // namespace

tc_cache *sharedCache(const Options &options)
{
  const std::lock_guard<std::mutex> guard(cacheLock);
  const char *configured = CPLGetConfigOption("TILECACHE_CACHE", nullptr);
  uint64_t budget = options.hasCache ? options.cache : tc_default_budget();
  if (configured != nullptr && !parseBytes(configured, budget)) {
    CPLError(CE_Failure, CPLE_IllegalArg, "TILECACHE_CACHE=%s is not a number of bytes", configured);
    return nullptr;
  }
  if (theCache == nullptr) {
    tc_error err;
    if (tc_create(budget, nullptr, &theCache, &err) != TC_OK) {
      fail(err);
      return nullptr;
    }
    theBudget = budget;
  } else if (options.hasCache && options.cache != theBudget) {
    CPLError(CE_Warning, CPLE_AppDefined,
             "TILECACHE: the cache of this process has %llu bytes already; cache=%llu is ignored",
             static_cast<unsigned long long>(theBudget), static_cast<unsigned long long>(options.cache));
  }
  return theCache;
}

void releaseCache()
{
  const std::lock_guard<std::mutex> guard(cacheLock);
  tc_release(theCache);
  theCache = nullptr;
}
