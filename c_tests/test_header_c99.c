/* The header alone, included twice, as C99. */
#include "tilecache.h"
#include "tilecache.h"

int main(void)
{
  return tc_library_version() == TC_LIBRARY_VERSION ? 0 : 1;
}
