/* A program that uses the installed library, as far as tells that it is all there. */
#include <stdio.h>
#include <string.h>

#include "tilecache.h"

int main(void)
{
    tc_error err;
    tc_cache *cache;
    tc_provider *provider;
    if (tc_library_version() != TC_LIBRARY_VERSION)
        return 1;
    if (tc_create(1 << 20, NULL, &cache, &err) != TC_OK)
        return 2;
    /* Brings the file readers and their codecs along. */
    if (provider_open("no such file", NULL, &provider, &err) == TC_OK || provider || !strlen(err.message))
        return 3;
    tc_release(cache);
    printf("%d.%d.%d\n", TC_LIBRARY_VERSION_MAJOR, TC_LIBRARY_VERSION_MINOR, TC_LIBRARY_VERSION_PATCH);
    return 0;
}
