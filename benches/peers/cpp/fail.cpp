#include "harness.h"

void fail(const std::string &message)
{
    fprintf(stderr, "%s\n", message.c_str());
    exit(3);
}
