/* trace PROGRAM ARGUMENT...: runs a program and counts the system calls of all its threads between its marks, and the bytes
 * that they brought. Prints them as a line of JSON behind what the program prints. */
#include "marks.h"
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <elf.h>
#include <map>
#include <signal.h>
#include <string>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static const std::map<long, const char *> NAMES{
    {SYS_read, "read"}, {SYS_pread64, "pread"}, {SYS_readv, "readv"}, {SYS_preadv, "preadv"}, {SYS_lseek, "lseek"},
    {SYS_fstat, "fstat"}, {SYS_newfstatat, "newfstatat"}, {SYS_stat, "stat"}, {SYS_statx, "statx"}, {SYS_mmap, "mmap"},
    {SYS_munmap, "munmap"}, {SYS_mremap, "mremap"}, {SYS_madvise, "madvise"}, {SYS_brk, "brk"}, {SYS_futex, "futex"},
    {SYS_openat, "openat"}, {SYS_close, "close"}, {SYS_sched_yield, "sched_yield"}, {SYS_prlimit64, "prlimit"}};

static bool reads(long number)
{
    return number == SYS_read || number == SYS_pread64 || number == SYS_readv || number == SYS_preadv;
}

[[noreturn]] static void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(3);
}

int main(int, char **argv)
{
    pid_t program = fork();
    if (program == 0) {
        if (ptrace(PTRACE_TRACEME, 0, 0, 0)) fail("ptrace");
        raise(SIGSTOP);
        execvp(argv[1], argv + 1);
        fail(argv[1]);
    }
    int status;
    if (waitpid(program, &status, 0) != program || !WIFSTOPPED(status)) fail("no program to trace");
    long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;
    if (ptrace(PTRACE_SETOPTIONS, program, 0, options)) fail("ptrace");
    ptrace(PTRACE_SYSCALL, program, 0, 0);
    bool counting = false;
    std::map<long, long> calls;
    std::map<pid_t, long> inside; /* the call that a thread is in, as far as it counts */
    long long bytes = 0;
    for (pid_t thread; (thread = waitpid(-1, &status, __WALL)) > 0;) {
        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            if (thread != program) continue;
            if (!WIFEXITED(status) || WEXITSTATUS(status)) return 4;
            break;
        }
        int signal = WSTOPSIG(status);
        if (signal == (SIGTRAP | 0x80)) {
            __ptrace_syscall_info info{};
            if (ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info) < 0) fail("ptrace");
            if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
                long number = (long)info.entry.nr;
                int first = (int)info.entry.args[0];
                if (number == SYS_close && first == END) counting = false;
                if (counting) calls[number]++, inside[thread] = number;
                if (number == SYS_close && first == BEGIN) counting = true;
            } else if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
                auto call = inside.find(thread);
                if (call != inside.end()) {
                    if (reads(call->second) && info.exit.rval > 0) bytes += info.exit.rval;
                    inside.erase(call);
                }
            }
            signal = 0;
        } else if (signal == SIGTRAP || signal == SIGSTOP) {
            signal = 0; /* a new thread, or the program that begins */
        }
        ptrace(PTRACE_SYSCALL, thread, 0, signal);
    }
    printf("{\"read\":%lld,\"calls\":{", bytes);
    const char *comma = "";
    for (auto &[number, count] : calls) {
        auto name = NAMES.find(number);
        printf("%s\"%s\":%ld", comma, name == NAMES.end() ? std::to_string(number).c_str() : name->second, count);
        comma = ",";
    }
    printf("}}\n");
    return 0;
}
