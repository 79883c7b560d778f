"""What the machine is, and how much of it others use meanwhile."""
import glob
import os
import platform
import resource
import time

CORES = os.cpu_count()


def _value(path, key):
    """The value of the first line of a file under /proc that begins with a key."""
    with open(path) as lines:
        for line in lines:
            if line.startswith(key):
                return line.split(":", 1)[1].strip()
    return "unknown"


def describe():
    """Rows of a table about the machine."""
    memory = int(_value("/proc/meminfo", "MemTotal").split()[0]) / 1048576
    caches = []
    for folder in sorted(glob.glob("/sys/devices/system/cpu/cpu0/cache/index*")):
        with open(folder + "/level") as level, open(folder + "/size") as size, open(folder + "/type") as kind:
            if kind.read().strip() != "Instruction":
                caches.append(f"L{level.read().strip()} {size.read().strip()}")
    return [
        ("processor", _value("/proc/cpuinfo", "model name")),
        ("cores", str(CORES)),
        ("caches", ", ".join(caches)),
        ("memory", f"{memory:.0f} GiB"),
        ("kernel", f"{platform.system()} {platform.release()}"),
    ]


def _busy():
    """Seconds that all processors together have worked."""
    with open("/proc/stat") as lines:
        user, nice, system, _idle, _waiting, irq, softirq, steal = map(int, lines.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def _own():
    """Seconds that this process and the children it waited for have worked."""
    times = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in times)


class Watch:
    """The share of the machine that others used since it was made."""

    def __init__(self):
        self.begin = (time.monotonic(), _busy(), _own())

    def others(self):
        begin, busy, own = self.begin
        elapsed = time.monotonic() - begin
        return max(0.0, (_busy() - busy) - (_own() - own)) / max(elapsed * CORES, 1e-3)


def wait_until_idle(limit, patience):
    """Waits until others use less than a share `limit` of the machine; says whether they do."""
    end = time.monotonic() + patience
    while True:
        watch = Watch()
        time.sleep(1)
        if watch.others() < limit:
            return True
        if time.monotonic() > end:
            return False
