// A program that uses the installed library by its header for C++.
#include <cstdio>

#include <tilecache.hpp>

int main()
{
    auto cache = tilecache::Cache::create(1 << 20);
    auto file = tilecache::attempt([] { return tilecache::open("no such file"); });
    if (file || file.error().status() != TC_E_NOT_FOUND || tilecache::library_version() != TC_LIBRARY_VERSION)
        return 1;
    std::printf("%d.%d.%d\n", TC_LIBRARY_VERSION_MAJOR, TC_LIBRARY_VERSION_MINOR, TC_LIBRARY_VERSION_PATCH);
}
