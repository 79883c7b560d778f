/* stores PROGRAM ARGUMENT...: runs a program under valgrind's lackey and tells what its instructions store between its marks,
 * in the phases that they number, beside what goes to memory that is no matter of others, such as the stacks and variables
 * of threads. A program tells of it by lines "own FROM TO", in hexadecimal. Prints what else the program prints, and behind
 * it a line of JSON: of each phase the bytes, and the lines of the processor's caches of which something is stored or
 * loaded. */
#include "marks.h"
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <sys/wait.h>
#include <unordered_map>
#include <utility>
#include <vector>

constexpr int LINE = 64, LOG = 9;

struct Line {
    uint64_t stored = 0, loaded = 0;
};

typedef std::unordered_map<uint64_t, Line> Lines;

static std::map<int, Lines> phases;
static int phase;

/* Notes one access, if it is one: " L ADDRESS,SIZE", "S" or "M", which is both. */
static void note(const char *text)
{
    char what = text[1];
    if (text[0] != ' ' || (what != 'L' && what != 'S' && what != 'M')) return;
    char *end;
    uint64_t at = strtoull(text + 3, &end, 16);
    uint64_t size = *end == ',' ? strtoull(end + 1, nullptr, 10) : 0;
    if (at >= MARKS && at < MARKS + 4096) {
        if (what != 'L') phase = (int)((at - MARKS) / sizeof(int));
        return;
    }
    if (!phase) return;
    for (uint64_t to = at + size; at < to;) {
        uint64_t line = at / LINE, part = std::min(to, (line + 1) * LINE) - at;
        Line &of = phases[phase][line];
        if (what != 'L') of.stored += part;
        if (what != 'S') of.loaded += part;
        at += part;
    }
}

int main(int, char **argv)
{
    int log[2];
    if (pipe(log)) return 3;
    FILE *said = tmpfile();
    pid_t program = fork();
    if (program == 0) {
        dup2(log[1], LOG);
        dup2(fileno(said), 1);
        close(log[0]), close(log[1]);
        std::vector<std::string> words{"valgrind", "--tool=lackey", "--trace-mem=yes", "--basic-counts=no", "--log-fd=9"};
        std::vector<char *> command;
        for (auto &word : words)
            command.push_back(&word[0]);
        for (char **word = argv + 1; *word; word++)
            command.push_back(*word);
        command.push_back(nullptr);
        execvp("valgrind", command.data());
        perror("valgrind");
        exit(3);
    }
    close(log[1]);
    FILE *lines = fdopen(log[0], "r");
    static char buffer[1 << 20];
    setvbuf(lines, buffer, _IOFBF, sizeof buffer);
    char text[512];
    while (fgets(text, sizeof text, lines))
        note(text);
    int status;
    waitpid(program, &status, 0);
    rewind(said);
    std::vector<std::pair<uint64_t, uint64_t>> owned;
    while (fgets(text, sizeof text, said)) {
        unsigned long long from, to;
        if (sscanf(text, "own %llx %llx", &from, &to) == 2) owned.push_back({from, to});
        else fputs(text, stdout);
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status)) return 4;
    printf("{\"phases\":{");
    const char *comma = "";
    for (auto &[number, all] : phases) {
        uint64_t bytes = 0;
        std::string stored, loaded;
        for (auto &[line, of] : all) {
            uint64_t at = line * LINE;
            bool is_own = false;
            for (auto &[from, to] : owned)
                is_own |= at + LINE > from && at < to;
            if (is_own) continue;
            bytes += of.stored;
            if (of.stored) stored += (stored.empty() ? "" : ",") + std::to_string(at);
            if (of.loaded) loaded += (loaded.empty() ? "" : ",") + std::to_string(at);
        }
        printf("%s\"%d\":{\"bytes\":%llu,\"stored\":[%s],\"loaded\":[%s]}", comma, number, (unsigned long long)bytes,
               stored.c_str(), loaded.c_str());
        comma = ",";
    }
    printf("}}\n");
    return 0;
}
