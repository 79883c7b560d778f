/* Where counting begins and ends: trace.cpp hears it by a system call, stores.cpp by a store at a place of its own. */
#pragma once
#include <cstdint>
#include <sys/mman.h>
#include <unistd.h>

/* Nothing else is mapped there. */
constexpr uintptr_t MARKS = 0x200000000;
/* No such files are open. */
constexpr int BEGIN = -1001, END = -1002;

/* Says that what follows is phase `number`; 0 is none, and counted by nobody. */
inline void mark(int number)
{
    static volatile int *page = (volatile int *)mmap((void *)MARKS, 4096, PROT_READ | PROT_WRITE,
                                                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (!number) page[0] = 0;
    close(number ? BEGIN : END);
    if (number) page[number] = number;
}
