package encode

// #if defined(__GLIBC__) || defined(__linux__)
// #include <malloc.h>
// #endif
//
// static void limit_arenas(int arenas)
// {
// #ifdef M_ARENA_MAX
//   mallopt(M_ARENA_MAX, arenas);
// #else
//   (void)arenas;
// #endif
// }
import "C"

// LimitArenas has malloc of C, where it is glibc's, keep what is freed for so many threads at a time. By default it is
// eight for each processor, and the threads of Go come and go among them: what one has freed, others do not find.
func LimitArenas(arenas int) { C.limit_arenas(C.int(arenas)) }
