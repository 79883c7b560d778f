/* Loaded before a program (LD_PRELOAD), it says at its end how many blocks codecs decoded: see count.cpp. */
#include "harness.h"

std::atomic<long> g_decodes{0};

static struct Report {
    ~Report() { fprintf(stderr, "decodes %ld\n", g_decodes.load()); }
} report;
