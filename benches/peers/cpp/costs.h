/* Work on threads, and what it takes. */
#pragma once
#include <functional>
#include <sys/resource.h>
#include <thread>
#include <time.h>
#include <vector>

/* Calls `work` on so many threads, with the number of each; the first is this one. */
inline void on_threads(int threads, const std::function<void(int)> &work)
{
    std::vector<std::thread> others;
    for (int i = 1; i < threads; i++)
        others.emplace_back(work, i);
    work(0);
    for (auto &thread : others)
        thread.join();
}

/* Processor time, and page faults. */
struct Cost {
    double seconds;
    long faults;
    Cost operator-(const Cost &before) const { return {seconds - before.seconds, faults - before.faults}; }
};

/* What this process has taken so far: its time by the clock that counts nanoseconds, for the other one may stand still over
 * work of a millisecond. */
inline Cost costs()
{
    rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return {time.tv_sec + time.tv_nsec * 1e-9, usage.ru_minflt};
}
