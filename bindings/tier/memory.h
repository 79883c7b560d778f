/* A tier of memory, which the tests of all languages give to their caches as they would that of a library. */
#ifndef MEMORY_TIER_H
#define MEMORY_TIER_H

#include <tilecache.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A tier for one cache, valid until tc_set_tier has copied it. What one of them was given, all others have. */
const tc_tier *memory_tier(void);

/* Whether its store is away: then nothing is found or kept, and a purge is TC_E_UNREACHABLE. */
void memory_tier_away(int32_t away);

#ifdef __cplusplus
}
#endif

#endif
