/* The header beside those that use like names: the kernel's traffic control and gperftools. */
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <stddef.h>

#if defined(__has_include)
#if __has_include(<gperftools/tcmalloc.h>)
#include <gperftools/tcmalloc.h>
#define HAVE_GPERFTOOLS
#endif
#endif

/* What gperftools/tcmalloc.h exports, for machines that lack it. */
#ifndef HAVE_GPERFTOOLS
#define TC_VERSION_MAJOR 2
#define TC_VERSION_MINOR 10
#define TC_VERSION_PATCH ""
#define TC_VERSION_STRING "gperftools 2.10"
const char *tc_version(int *major, int *minor, const char **patch);
void *tc_malloc(size_t size);
void *tc_malloc_skip_new_handler(size_t size);
void tc_free(void *p);
void tc_free_sized(void *p, size_t size);
void *tc_realloc(void *p, size_t size);
void *tc_calloc(size_t n, size_t size);
void tc_cfree(void *p);
void *tc_memalign(size_t alignment, size_t size);
int tc_posix_memalign(void **p, size_t alignment, size_t size);
void *tc_valloc(size_t size);
void *tc_pvalloc(size_t size);
void tc_malloc_stats(void);
int tc_mallopt(int command, int value);
size_t tc_malloc_size(void *p);
int tc_set_new_mode(int flag);
void *tc_new(size_t size);
void *tc_new_nothrow(size_t size);
void tc_delete(void *p);
void tc_delete_sized(void *p, size_t size);
void tc_delete_nothrow(void *p);
void *tc_newarray(size_t size);
void *tc_newarray_nothrow(size_t size);
void tc_deletearray(void *p);
void tc_deletearray_sized(void *p, size_t size);
void tc_deletearray_nothrow(void *p);
void *tc_new_aligned(size_t size, size_t alignment);
void tc_delete_aligned(void *p, size_t alignment);
#endif

#include "tilecache.h"

int main(void)
{
  struct tc_stats kernel = {0};
  tc_cache_stats ours = {0};
  return kernel.drops == 0 && ours.hits == 0 && tc_library_version() == TC_LIBRARY_VERSION ? 0 : 1;
}
