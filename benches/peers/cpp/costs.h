/* Work on threads, and what it takes. */
#pragma once
#include <functional>
#include <sys/resource.h>
#include <thread>
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

/* What this process has taken so far. */
inline Cost costs()
{
    rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    auto seconds = [](const timeval &time) { return time.tv_sec + time.tv_usec * 1e-6; };
    return {seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_minflt};
}
