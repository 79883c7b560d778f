package tilecache;

import java.util.Iterator;
import java.util.LinkedHashMap;

/**
 * What callbacks threw, on its way through the library, under numbers that no sensible code of a callback is. It is kept
 * until it has come out of a call, whatever else fails meanwhile, then a while longer for calls that waited for the same
 * block.
 */
final class Kept {
    private static final int FIRST = Integer.MIN_VALUE;
    private static final int LAST = -1_000_000_000;

    private record One(Throwable thrown, long since) {}

    // The oldest are the first of each.
    private final LinkedHashMap<Integer, One> waiting = new LinkedHashMap<>();
    private final LinkedHashMap<Integer, One> out = new LinkedHashMap<>();
    private final int mostOut;
    private final long outTime;
    private final long waitingTime;
    private int next = FIRST;

    /** Those that nobody fetches go after ten minutes: whoever asked has been cancelled. */
    Kept() {
        this(1024, 1_000_000_000L, 600_000_000_000L);
    }

    /** With times in nanoseconds. */
    Kept(int mostOut, long outTime, long waitingTime) {
        this.mostOut = mostOut;
        this.outTime = outTime;
        this.waitingTime = waitingTime;
    }

    synchronized int keep(Throwable thrown) {
        long now = System.nanoTime();
        prune(waiting, 0, now - waitingTime);
        next = next == LAST ? FIRST : next + 1;
        waiting.put(next, new One(thrown, now));
        return next;
    }

    /** Null if nothing is kept under that number. */
    synchronized Throwable find(int number) {
        One one = waiting.remove(number);
        if (one == null) {
            One before = out.get(number);
            return before == null ? null : before.thrown;
        }
        long now = System.nanoTime();
        out.put(number, new One(one.thrown, now));
        prune(out, mostOut, now - outTime);
        return one.thrown;
    }

    synchronized int size() {
        return waiting.size() + out.size();
    }

    private static void prune(LinkedHashMap<Integer, One> from, int most, long before) {
        Iterator<One> oldest = from.values().iterator();
        while (from.size() > most && oldest.next().since - before < 0) {
            oldest.remove();
        }
    }
}
