/* Memory that stays taken, up to a budget. */
#pragma once
#include "harness.h"
#include <deque>
#include <mutex>
#include <sys/mman.h>

/* Parts of one size, each taken from the system once, in huge pages if that is wanted. */
class Fresh {
    std::atomic<size_t> taken{0};
    size_t part, parts;
    uint8_t *memory;

public:
    Fresh(size_t budget, size_t part, bool huge) : part(part), parts(budget / part)
    {
        const size_t align = 2 << 20;
        void *range = mmap(nullptr, parts * part + align, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (range == MAP_FAILED) fail("no memory");
        memory = (uint8_t *)(((uintptr_t)range + align - 1) & ~(align - 1));
        if (huge) madvise(memory, parts * part, MADV_HUGEPAGE);
    }

    /* None where the budget is used up. */
    uint8_t *take()
    {
        size_t number = taken.fetch_add(1);
        return number < parts ? memory + number * part : nullptr;
    }

    /* Gets all pages of a part at once, which takes less than a fault for each. */
    void fill(uint8_t *start)
    {
#ifdef MADV_POPULATE_WRITE
        madvise(start, part, MADV_POPULATE_WRITE);
#endif
    }
};

/* Such parts, used again in the order of their use. */
class Kept {
    std::mutex mutex;
    std::deque<uint8_t *> idle;
    Fresh fresh;

public:
    Kept(size_t budget, size_t part, bool huge) : fresh(budget, part, huge) {}

    uint8_t *take()
    {
        if (uint8_t *part = fresh.take()) {
            fresh.fill(part);
            return part;
        }
        std::lock_guard<std::mutex> lock(mutex);
        if (idle.empty()) fail("more is in use than the budget has");
        uint8_t *part = idle.front();
        idle.pop_front();
        return part;
    }

    void give_back(uint8_t *part)
    {
        std::lock_guard<std::mutex> lock(mutex);
        idle.push_back(part);
    }
};
