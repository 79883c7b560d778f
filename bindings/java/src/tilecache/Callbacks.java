package tilecache;

import static java.lang.foreign.ValueLayout.*;

import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
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

    static final MemorySegment READ_WINDOW = Raw.tc_source_read_window.pointer(Callbacks::readWindow, Arena.global());
    static final MemorySegment OPEN_SESSION = Raw.tc_source_open_session.pointer(Callbacks::openSession, Arena.global());
    static final MemorySegment CLOSE_SESSION = Raw.tc_source_close_session.pointer(Callbacks::closeSession, Arena.global());
    static final MemorySegment OPEN_BESIDE =
            Raw.tc_open_options_open_beside.pointer(Callbacks::openBeside, Arena.global());
    static final MemorySegment COMPUTE = Raw.tc_compute_fn.pointer(Callbacks::compute, Arena.global());
    static final MemorySegment OPEN_PART = Raw.tc_open_part_fn.pointer(Callbacks::openPart, Arena.global());
    static final MemorySegment READ_AT = Raw.tc_io_read_at.pointer(Callbacks::readAt, Arena.global());
    static final MemorySegment TRANSFORM = Raw.tc_transform_fn.pointer(Callbacks::transform, Arena.global());
    static final MemorySegment CLONE = Raw.tc_clone_fn.pointer(Callbacks::copyOf, Arena.global());
    static final MemorySegment PROGRESS = Raw.tc_progress_fn.pointer(Callbacks::progress, Arena.global());
    static final MemorySegment PREFETCHED = Raw.tc_prefetched_fn.pointer(Callbacks::prefetched, Arena.global());
    static final MemorySegment LOG = Raw.tc_log_fn.pointer(Callbacks::log, Arena.global());
    static final MemorySegment WRITE = Raw.tc_write_fn.pointer(Callbacks::write, Arena.global());

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

    static final Kept KEPT = new Kept();

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
        return guarded(err, arena -> {
            Pixels target = Pixels.of(into.reinterpret(Raw.tc_target.SIZE), arena);
            switch (lent(user, Source.class)) {
                case Source.InSessions source ->
                        source.readBlock(LENT.get(session.address()), target, row, col, level);
                case Source.Banded source when bands.address() != 0 ->
                        source.readBands(target, row, col, level, bands.reinterpret(4L * target.bands()).toArray(JAVA_INT));
                case Source source -> source.readBlock(target, row, col, level);
            }
        });
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

    private static int readWindow(MemorySegment user, MemorySegment session, long x, long y, int level,
            MemorySegment bands, MemorySegment into, MemorySegment err) {
        return guarded(err, arena -> lent(user, Source.Windowed.class).readWindow(
                Pixels.of(into.reinterpret(Raw.tc_target.SIZE), arena), x, y, level));
    }

    private static int openSession(MemorySegment user, MemorySegment session, MemorySegment err) {
        return guarded(err, arena -> session.reinterpret(ADDRESS.byteSize()).set(ADDRESS, 0,
                lend(lent(user, Source.InSessions.class).openSession())));
    }

    private static void closeSession(MemorySegment user, MemorySegment session) {
        try {
            lent(user, Source.InSessions.class).closeSession(LENT.remove(session.address()));
        } catch (Throwable thrown) {
            thrown.printStackTrace(); // There is no call that it could come out of.
        }
    }

    private static int openBeside(MemorySegment user, MemorySegment suffix, MemorySegment io, MemorySegment err) {
        Bytes[] found = new Bytes[1];
        int status = guarded(err, arena -> found[0] = lent(user, OpenOptions.Beside.class).open(Memory.text(suffix)));
        if (status == Raw.TC_OK && found[0] == null) {
            return Raw.TC_E_NOT_FOUND;
        }
        return status != Raw.TC_OK ? status : guarded(err, arena ->
                MemorySegment.copy(Bytes.c(found[0], lend(found[0]), arena), 0, io.reinterpret(Raw.tc_io.SIZE), 0,
                        Raw.tc_io.SIZE));
    }

    private static int compute(MemorySegment user, MemorySegment place, MemorySegment inputs, long count, MemorySegment out,
            MemorySegment err) {
        return guarded(err, arena -> {
            MemorySegment at = place.reinterpret(Raw.tc_place.SIZE);
            MemorySegment row = inputs.reinterpret(count * Raw.tc_pixels.SIZE);
            Pixels[] given = new Pixels[(int) count];
            for (int index = 0; index < count; index++) {
                given[index] = Pixels.of(row.asSlice(index * Raw.tc_pixels.SIZE, Raw.tc_pixels.SIZE), arena, null);
            }
            lent(user, Kernel.class).compute(new Place(at.get(JAVA_LONG, Raw.tc_place.row),
                    at.get(JAVA_LONG, Raw.tc_place.col), at.get(JAVA_INT, Raw.tc_place.level),
                    at.get(JAVA_LONG, Raw.tc_place.x), at.get(JAVA_LONG, Raw.tc_place.y),
                    at.get(JAVA_LONG, Raw.tc_place.width), at.get(JAVA_LONG, Raw.tc_place.height)), given,
                    Pixels.of(out.reinterpret(Raw.tc_target.SIZE), arena));
        });
    }

    private static int openPart(MemorySegment user, long part, MemorySegment provider, MemorySegment err) {
        return guarded(err, arena -> {
            // Ours stays ours: the library gets a reference of its own.
            MemorySegment opened = lent(user, MosaicOptions.Opener.class).open((int) part).use(Raw::provider_retain);
            provider.reinterpret(ADDRESS.byteSize()).set(ADDRESS, 0, opened);
        });
    }

    private static int readAt(MemorySegment user, long offset, MemorySegment into, long bytes, MemorySegment err) {
        return guarded(err, arena -> lent(user, Bytes.class).readAt(offset, into.reinterpret(bytes, arena, null)));
    }

    /** A failure is a negative number, which those of what was thrown are. */
    private static int transform(MemorySegment user, int toSource, int count, MemorySegment x, MemorySegment y,
            MemorySegment z, MemorySegment ok) {
        try {
            double[] columns = x.reinterpret(count * 8L).toArray(JAVA_DOUBLE);
            double[] rows = y.reinterpret(count * 8L).toArray(JAVA_DOUBLE);
            lent(user, Transform.Mapping.class).map(columns, rows);
            MemorySegment.copy(columns, 0, x.reinterpret(count * 8L), JAVA_DOUBLE, 0, count);
            MemorySegment.copy(rows, 0, y.reinterpret(count * 8L), JAVA_DOUBLE, 0, count);
            MemorySegment known = ok.reinterpret(count * 4L);
            for (int index = 0; index < count; index++) {
                known.setAtIndex(JAVA_INT, index,
                        Double.isFinite(columns[index]) && Double.isFinite(rows[index]) ? 1 : 0);
            }
            return 1;
        } catch (Throwable thrown) {
            return KEPT.keep(thrown);
        }
    }

    /** Functions of Java may run on several threads at once; each of those has a number that is released by itself. */
    private static MemorySegment copyOf(MemorySegment user) {
        return lend(LENT.get(user.address()));
    }

    private static int progress(double done, MemorySegment text, MemorySegment user) {
        return lent(user, Progress.Heard.class).hear(done);
    }

    private static void log(MemorySegment user, int level, int event, MemorySegment subject, MemorySegment text) {
        try {
            lent(user, Log.Listener.class).hear(level, event, Memory.text(subject), Memory.text(text));
        } catch (Throwable thrown) {
            thrown.printStackTrace(); // There is no call that it could come out of.
        }
    }

    private static int write(MemorySegment user, MemorySegment text, long bytes, MemorySegment err) {
        return guarded(err, arena -> lent(user, OutputStream.class).write(
                text.reinterpret(bytes).toArray(JAVA_BYTE)));
    }

    private static void prefetched(MemorySegment user, int status, MemorySegment far, MemorySegment err) {
        answer(user, status, err, () -> {
            MemorySegment c = far.reinterpret(Raw.tc_prefetched.SIZE);
            return new Prefetched(c.get(JAVA_LONG, Raw.tc_prefetched.tiles), c.get(JAVA_LONG, Raw.tc_prefetched.ready),
                    c.get(JAVA_LONG, Raw.tc_prefetched.failed), c.get(JAVA_LONG, Raw.tc_prefetched.full) != 0);
        });
    }

    private static void done(MemorySegment user, int status, MemorySegment tile, MemorySegment err) {
        answer(user, status, err, () -> new Tile(tile));
    }

    /** The outcome of a request. What waits for it goes on elsewhere, for this thread is the library's. */
    private static <T> void answer(MemorySegment user, int status, MemorySegment err, Supplier<T> result) {
        try {
            @SuppressWarnings("unchecked")
            CompletableFuture<T> future = (CompletableFuture<T>) LENT.remove(user.address());
            if (status == Raw.TC_OK) {
                T made = result.get();
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
