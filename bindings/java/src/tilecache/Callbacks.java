package tilecache;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import tilecache.raw.Raw;

/** Functions of Java that the library calls. It knows each by a number, and what they throw by another one. */
final class Callbacks {
    private static final Map<Long, Object> LENT = new ConcurrentHashMap<>();
    private static final AtomicLong NEXT = new AtomicLong(1);

    static final MemorySegment RELEASE = Raw.tc_release_fn.pointer(Callbacks::release, Arena.global());
    static final MemorySegment READ_BLOCK = Raw.tc_source_read_block.pointer(Callbacks::readBlock, Arena.global());
    static final MemorySegment HAS_BLOCK = Raw.tc_source_has_block.pointer(Callbacks::hasBlock, Arena.global());
    static final MemorySegment MAP = Raw.tc_map_fn.pointer(Callbacks::map, Arena.global());
    static final MemorySegment DONE = Raw.tc_done_fn.pointer(Callbacks::done, Arena.global());

    private Callbacks() {}

    // Numbers of functions.

    static MemorySegment lend(Object function) {
        long number = NEXT.getAndIncrement();
        LENT.put(number, function);
        return MemorySegment.ofAddress(number);
    }

    static void release(MemorySegment user) {
        LENT.remove(user.address());
    }

    /** How many are lent, for tests. */
    static int lent() {
        return LENT.size();
    }

    private static <T> T lent(MemorySegment user, Class<T> type) {
        return type.cast(LENT.get(user.address()));
    }

    // What was thrown: the latest 1,024, under numbers that no sensible code of a callback is.

    private static final int FIRST = Integer.MIN_VALUE;
    private static final int LAST = -1_000_000_000;
    private static final int MOST = 1024;
    private static int next = FIRST;
    private static final Map<Integer, Throwable> KEPT = new LinkedHashMap<>() {
        private static final long serialVersionUID = 1;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Integer, Throwable> eldest) {
            return size() > MOST;
        }
    };

    static int keep(Throwable thrown) {
        synchronized (KEPT) {
            next = next == LAST ? FIRST : next + 1;
            KEPT.put(next, thrown);
            return next;
        }
    }

    static Throwable kept(int number) {
        synchronized (KEPT) {
            return KEPT.get(number);
        }
    }

    // What is called.

    private interface Body {
        void run(Arena arena) throws Exception;
    }

    /** Runs a callback so that nothing is thrown into C, and what it was given is gone afterwards. */
    private static int guarded(MemorySegment err, Body body) {
        try (Arena arena = Arena.ofConfined()) {
            body.run(arena);
            return Raw.TC_OK;
        } catch (Throwable thrown) {
            return TileCacheException.handOn(thrown, err);
        }
    }

    private static int readBlock(MemorySegment user, MemorySegment session, long row, long col, int level,
            MemorySegment bands, MemorySegment into, MemorySegment err) {
        return guarded(err, arena -> lent(user, Source.class).readBlock(
                Pixels.of(into.reinterpret(Raw.tc_target.SIZE), arena), row, col, level));
    }

    private static int hasBlock(MemorySegment user, long row, long col, int level, MemorySegment has, MemorySegment err) {
        return guarded(err, arena -> has.reinterpret(JAVA_INT.byteSize()).set(JAVA_INT, 0,
                lent(user, Source.class).hasBlock(row, col, level) ? 1 : 0));
    }

    private static int map(MemorySegment user, long row, long col, int level, MemorySegment in, MemorySegment out,
            MemorySegment err) {
        return guarded(err, arena -> lent(user, Source.Mapping.class).map(
                Pixels.of(in.reinterpret(Raw.tc_pixels.SIZE), arena, null),
                Pixels.of(out.reinterpret(Raw.tc_target.SIZE), arena)));
    }

    /** The outcome of a request. What waits for it goes on elsewhere, for this thread is the library's. */
    private static void done(MemorySegment user, int status, MemorySegment tile, MemorySegment err) {
        try {
            @SuppressWarnings("unchecked")
            CompletableFuture<Tile> future = (CompletableFuture<Tile>) LENT.remove(user.address());
            if (status == Raw.TC_OK) {
                Tile made = new Tile(tile);
                future.completeAsync(() -> made);
            } else {
                Throwable thrown = TileCacheException.of(status, err);
                future.defaultExecutor().execute(() -> future.completeExceptionally(thrown));
            }
        } catch (Throwable thrown) {
            thrown.printStackTrace(); // Nobody waits for it any more.
        }
    }
}
