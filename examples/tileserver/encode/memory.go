package encode

// #if defined(__GLIBC__) || defined(__linux__)
// #include <malloc.h>
// #endif
// #include <stddef.h>
// #include <unistd.h>
//
// // By default malloc keeps what is freed in up to eight places for each processor, and the threads of Go come and go among
// // them: what one has freed, others do not find. Before there is a second thread, for those that exist stay.
// __attribute__((constructor)) static void limit_arenas(void)
// {
// #ifdef M_ARENA_MAX
//   const long processors = sysconf(_SC_NPROCESSORS_ONLN);
//   mallopt(M_ARENA_MAX, processors > 0 ? (int)processors : 1);
// #endif
// }
//
// static void give_back(size_t but)
// {
// #ifdef __GLIBC__
//   malloc_trim(but);
// #else
//   (void)but;
// #endif
// }
//
// static int in_malloc(size_t *used, size_t *unused)
// {
// #ifdef __GLIBC_PREREQ
// #if __GLIBC_PREREQ(2, 33)
//   const struct mallinfo2 all = mallinfo2();
//   *used = all.uordblks + all.hblkhd;
//   *unused = all.fordblks;
//   return 1;
// #endif
// #endif
//   (void)used, (void)unused;
//   return 0;
// }
import "C"

// GiveBack returns to the system the pages that malloc of C keeps for later, where it is glibc's. By itself it returns those
// at the end of what it has alone, and between what lives long it keeps more and more.
func GiveBack() { C.give_back(0) }

// Malloc are the bytes that malloc of C has given out, and those that it keeps for later. Where it is not glibc's, nobody
// knows.
func Malloc() (used, unused uint64, known bool) {
	var given, kept C.size_t
	known = C.in_malloc(&given, &kept) != 0
	return uint64(given), uint64(kept), known
}
