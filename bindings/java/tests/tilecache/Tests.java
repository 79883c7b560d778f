package tilecache;

import static tilecache.raw.Raw.*;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

/** What the binding gives, and what bad use gets: Tests scene.tif. In the package, for it looks at what is lent. */
public final class Tests {
    private static String scene;
    private static final ImageInfo IMAGE = new ImageInfo(DType.U8, 1000, 600, 256, 256, 1);

    private Tests() {}

    interface Body {
        void run() throws Throwable;
    }

    static void check(boolean holds) {
        if (!holds) {
            throw new AssertionError();
        }
    }

    static <T extends Throwable> T thrownBy(Class<T> type, Body body) {
        try {
            body.run();
        } catch (Throwable thrown) {
            if (type.isInstance(thrown)) {
                return type.cast(thrown);
            }
            throw new AssertionError("another one was thrown", thrown);
        }
        throw new AssertionError("nothing was thrown");
    }

    static int statusOf(Body body) {
        return thrownBy(TileCacheException.class, body).status();
    }

    static void fill(Pixels into, long row, long col) {
        for (long y = 0; y < into.height(); y++) {
            for (long x = 0; x < into.width(); x++) {
                into.set(0, y, x, value(row * 256 + y, col * 256 + x));
            }
        }
    }

    static long value(long y, long x) {
        return (x + 2 * y) % 251;
    }

    static Provider own() {
        return Provider.fromSource(IMAGE, (into, row, col, level) -> fill(into, row, col));
    }

    static void settle() throws InterruptedException {
        for (int i = 0; i < 5; i++) {
            System.gc();
            Thread.sleep(20);
        }
    }

    static void aTileIsReadWhereItLies() {
        try (Cache cache = new Cache(64 << 20); Provider image = own().cached(cache); Tile tile = image.getBlock(1, 1, 0)) {
            Pixels pixels = tile.pixels();
            check(pixels.get(0, 3, 5) == value(256 + 3, 256 + 5));
            try (Tile same = image.getBlock(1, 1, 0)) {
                check(same.pixels().samples().address() == pixels.samples().address());
            }
            // Which exception it is depends on the version of Java.
            thrownBy(RuntimeException.class, () -> pixels.samples().set(ValueLayout.JAVA_BYTE, 0, (byte) 1));
            check(pixels.samples().isReadOnly() && pixels.get(0, 0, 0) == value(256, 256));
            thrownBy(IndexOutOfBoundsException.class, () -> pixels.get(0, 256, 0));
            check(image.tryBlock(1, 1, 0).isPresent() && image.tryBlock(0, 0, 0).isEmpty());
            check(cache.statistic(tc_cache_stats.held) > 0 && !tile.isAbsent() && image.hasBlock(0, 0, 0));
        }
    }

    static void windowsAreConverted() {
        try (Provider file = Provider.open(scene)) {
            Pixels window = file.readWindow(DType.F32, 10, 20, 7, 5, 0, 2, 0);
            check(window.get(0, 4, 6) == (3 * 16 + 3 * 24) % 1000 && window.get(1, 4, 6) == (16 + 3 * 24) % 1000);
            // Interleaved by pixel, in memory of one's own.
            MemorySegment memory = Arena.ofAuto().allocate(7 * 5 * 3 * 4);
            Pixels into = new Pixels(memory, DType.I32, 3, 5, 7, 12, 7 * 12, 4);
            file.readWindow(into, 10, 20, 0);
            check(memory.getAtIndex(ValueLayout.JAVA_INT, (4 * 7 + 6) * 3 + 2) == (3 * 16 + 3 * 24) % 1000);
            check(statusOf(() -> file.readWindow(new Pixels(memory, DType.I32, 3, 5, 8, 12, 8 * 12, 4), 0, 0, 0))
                    == TC_E_ARGUMENT);
            check(statusOf(() -> file.readWindow(new Pixels(MemorySegment.ofArray(new byte[9]), DType.U8, 1, 3, 3, 1, 3, 9),
                    0, 0, 0)) == TC_E_ARGUMENT);
            check(statusOf(() -> file.readWindow(DType.U8, 0, 0, -1, 1, 0)) == TC_E_RANGE);
        }
    }

    static void operators() {
        try (Cache cache = new Cache(64 << 20); Provider file = Provider.open(scene);
                Provider tiles = file.retile(100, 50, cache)) {
            check(tiles.info().blockWidth() == 100 && tiles.info().blockHeight() == 50);
            LevelOptions options = new LevelOptions();
            options.levels = 4;
            options.filter = TC_FILTER_NEAREST;
            check(tiles.pyramid(options, cache).level(2).info().width() == 150);
            options.levels = 0;
            options.factor = 4;
            check(file.downsample(options, null).info().width() == 150);
            check(file.mask().readWindow(DType.U8, 0, 0, 1, 1, 0).get(0, 0, 0) == 255);
            Provider doubled = file.map((in, out) -> {
                for (int band = 0; band < in.bands(); band++) {
                    for (long row = 0; row < in.height(); row++) {
                        for (long column = 0; column < in.width(); column++) {
                            out.set(band, row, column, 2 * in.get(band, row, column));
                        }
                    }
                }
            }, DType.U32, cache);
            check(doubled.readWindow(DType.F64, 3, 4, 1, 1, 0, 1).get(0, 0, 0) == 2 * (2 * 3 + 3 * 4));
            check(file.display(null, cache).info().dtype() == DType.U8);
            check(file.metadata("no such name", -1) == null && !file.key().isEmpty());
            file.invalidate();
            cache.setBudget(1 << 20);
            cache.clear();
        }
        Provider sparse = Provider.fromSource(IMAGE, new Source() {
            @Override
            public void readBlock(Pixels into, long row, long col, int level) {
                fill(into, row, col);
            }

            @Override
            public boolean hasBlock(long row, long col, int level) {
                return row != 0;
            }
        });
        check(sparse.getBlock(0, 0, 0).isAbsent() && !sparse.getBlock(1, 0, 0).isAbsent());
    }

    static void requestsAreFutures() throws Exception {
        try (Cache cache = new Cache(64 << 20); Provider image = own().cached(cache)) {
            check(image.requestBlock(0, 1, 0).get().pixels().get(0, 0, 0) == 256 % 251);
            check(image.requestBlock(0, 1, 0).isDone());
            check(statusOf(() -> image.requestBlock(9, 9, 0)) == TC_E_RANGE);
            AtomicReference<String> thread = new AtomicReference<>();
            image.requestBlock(0, 2, 0).thenAccept(tile -> thread.set(Thread.currentThread().getName())).join();
            check(!thread.get().startsWith("Thread-"));
            Provider broken = Provider.fromSource(IMAGE, (into, row, col, level) -> {
                throw new IOException("unplugged");
            });
            CompletionException failed = thrownBy(CompletionException.class, () -> broken.requestBlock(0, 0, 0).join());
            check(failed.getCause() instanceof IOException);
        }
    }

    static void whatWasClosedIsAnError() {
        Cache cache = new Cache(1 << 20);
        Provider image = own();
        Tile tile = image.getBlock(0, 0, 0);
        Pixels pixels = tile.pixels();
        for (Handle handle : List.of(cache, image, tile)) {
            handle.close();
            handle.close();
            check(handle.isClosed());
        }
        check(pixels.get(0, 0, 5) == 5);
        check(statusOf(image::info) == TC_E_ARGUMENT && statusOf(image::key) == TC_E_ARGUMENT);
        check(statusOf(() -> image.getBlock(0, 0, 0)) == TC_E_ARGUMENT && statusOf(tile::pixels) == TC_E_ARGUMENT);
        check(statusOf(() -> own().cached(cache)) == TC_E_ARGUMENT && statusOf(cache::clear) == TC_E_ARGUMENT);
        check(thrownBy(TileCacheException.class, () -> Provider.open("a\0b")).text().contains("NUL at character 1"));
        check(thrownBy(TileCacheException.class, () -> Provider.open("/no/such/file.tif")).getMessage()
                .startsWith("TC_E_NOT_FOUND: /no/such/file.tif"));
    }

    static void whatACallbackThrowsComesOutAsItself() {
        Cache cache = new Cache(64 << 20);
        IOException checked = new IOException("checked");
        Provider image = Provider.fromSource(IMAGE, (into, row, col, level) -> {
            switch ((int) col) {
                case 0 -> throw checked;
                case 1 -> throw new StackOverflowError();
                case 2 -> Provider.open(scene).getBlock(99, 0, 0);
                default -> throw new TileCacheException(TC_E_SOURCE, 42, "the sensor said no");
            }
        }).cached(cache);
        check(thrownBy(IOException.class, () -> image.getBlock(0, 0, 0)) == checked);
        LevelOptions two = new LevelOptions();
        two.levels = 2;
        check(thrownBy(IOException.class, () -> image.pyramid(two, cache).readWindow(DType.U8, 0, 0, 1, 1, 1)) == checked);
        thrownBy(StackOverflowError.class, () -> image.getBlock(0, 1, 0));
        check(statusOf(() -> image.getBlock(0, 2, 0)) == TC_E_RANGE);
        TileCacheException own = thrownBy(TileCacheException.class, () -> image.getBlock(0, 3, 0));
        check(own.status() == TC_E_SOURCE && own.sourceCode() == 42 && own.text().contains("the sensor said no"));
        // While another exception is in flight.
        Exception outer = thrownBy(Exception.class, () -> {
            try (AutoCloseable closes = () -> {
                check(thrownBy(IOException.class, () -> image.getBlock(0, 0, 0)) == checked);
            }) {
                throw new IllegalStateException("outer");
            }
        });
        check(outer.getMessage().equals("outer"));
        String long_ = "\u00e9".repeat(2000);
        Provider wordy = Provider.fromSource(IMAGE, (into, row, col, level) -> {
            throw new TileCacheException(TC_E_IO, long_);
        });
        check(statusOf(() -> wordy.getBlock(0, 0, 0)) == TC_E_IO);
    }

    static void pixelsOfACallbackCannotBeKept() {
        AtomicReference<Pixels> kept = new AtomicReference<>();
        Provider image = Provider.fromSource(IMAGE, (into, row, col, level) -> {
            fill(into, row, col);
            kept.set(into);
        });
        image.getBlock(0, 0, 0);
        thrownBy(IllegalStateException.class, () -> kept.get().get(0, 0, 0));
        thrownBy(IllegalStateException.class, () -> kept.get().set(0, 0, 0, 1));
    }

    static Pixels ofWhatIsGone() {
        try (Cache cache = new Cache(1 << 20); Provider image = own(); Provider kept = image.cached(cache);
                Tile tile = kept.getBlock(0, 1, 0)) {
            Pixels pixels = tile.pixels();
            cache.clear();
            return pixels;
        }
    }

    static void aViewOutlivesEverything() throws InterruptedException {
        Pixels pixels = ofWhatIsGone();
        settle();
        check(pixels.get(0, 0, 7) == value(0, 256 + 7) && pixels.get(0, 255, 255) == value(255, 256 + 255));
    }

    static void functionsGoWhenTheImageGoes() throws InterruptedException {
        settle();
        int before = Callbacks.lent();
        Provider image = own();
        Provider tiles = image.retile(100, 100, null);
        image.close();
        check(Callbacks.lent() == before + 1 && tiles.getBlock(0, 0, 0).pixels().get(0, 0, 5) == 5);
        tiles.close();
        check(Callbacks.lent() == before);
        check(statusOf(() -> Provider.fromSource(new ImageInfo(DType.U8, -1, 1, 0, 0, 1), (a, b, c, d) -> {})) == TC_E_RANGE);
        check(Callbacks.lent() == before);
    }

    static void threads() throws InterruptedException {
        Cache cache = new Cache(1 << 20);
        Provider image = own().cached(cache);
        AtomicInteger wrong = new AtomicInteger();
        List<Thread> threads = new ArrayList<>();
        List<Tile> shared = java.util.Collections.synchronizedList(new ArrayList<>());
        for (int i = 0; i < 8; i++) {
            threads.add(Thread.ofPlatform().start(() -> {
                for (int n = 0; n < 100; n++) {
                    Tile tile = image.getBlock(n % 3, n % 4, 0);
                    if (tile.pixels().get(0, 1, 1) != value(n % 3 * 256 + 1, n % 4 * 256 + 1)) {
                        wrong.incrementAndGet();
                    }
                    shared.add(tile);
                    if (shared.size() > 20) {
                        shared.remove(0).close(); // Mostly those of other threads.
                    }
                }
            }));
        }
        for (Thread thread : threads) {
            thread.join();
        }
        check(wrong.get() == 0);
    }

    /** A close on one thread, in the midst of a call on another. */
    static void aCloseWaitsForNobodyAndEndsNoCall() throws Exception {
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch closed = new CountDownLatch(1);
        Provider image = Provider.fromSource(IMAGE, (into, row, col, level) -> {
            begun.countDown();
            closed.await();
            fill(into, row, col);
        });
        AtomicReference<Throwable> problem = new AtomicReference<>();
        Thread reads = Thread.ofPlatform().start(() -> {
            try {
                check(image.getBlock(0, 0, 0).pixels().get(0, 0, 9) == 9);
            } catch (Throwable thrown) {
                problem.set(thrown);
            }
        });
        begun.await();
        image.close();
        check(statusOf(image::info) == TC_E_ARGUMENT);
        closed.countDown();
        reads.join();
        check(problem.get() == null);
    }

    static void aLoadIsCancelledInItsMidst() throws Exception {
        CountDownLatch begun = new CountDownLatch(1);
        AtomicBoolean noticed = new AtomicBoolean();
        Provider image = Provider.fromSource(IMAGE, (into, row, col, level) -> {
            begun.countDown();
            try (Load load = Load.current()) {
                for (int i = 0; i < 5000 && !load.isCancelled(); i++) {
                    Thread.sleep(1);
                }
                noticed.set(load.isCancelled());
            }
        });
        Provider reader = image.reader();
        AtomicInteger status = new AtomicInteger();
        Thread waits = Thread.ofPlatform().start(() -> status.set(statusOf(() -> reader.getBlock(0, 0, 0))));
        begun.await();
        reader.cancel();
        waits.join();
        check(status.get() == TC_E_CANCELLED && noticed.get());
        check(statusOf(image::cancel) == TC_E_ARGUMENT);
    }

    static void handlesThatNobodyClosesAreCollected() throws InterruptedException {
        Cache cache = new Cache(64 << 20);
        Provider image = own().cached(cache);
        for (int i = 0; i < 100_000; i++) {
            image.getBlock(0, 0, 0);
        }
        for (int i = 0; i < 200 && cache.statistic(tc_cache_stats.held) > 0; i++) {
            settle();
        }
        check(cache.statistic(tc_cache_stats.held) == 0);
    }

    static void whatAHitCosts() {
        try (Cache cache = new Cache(64 << 20); Provider image = own().cached(cache); Arena arena = Arena.ofConfined()) {
            MemorySegment made = arena.allocate(ValueLayout.ADDRESS);
            MemorySegment err = arena.allocate(tc_error.LAYOUT);
            MemorySegment at = arena.allocate(tc_pixels.LAYOUT);
            // In turns, and the shortest rounds of each, which other programs of the machine disturbed least.
            long inC = Long.MAX_VALUE;
            long inJava = Long.MAX_VALUE;
            for (int round = 0; round < 20; round++) {
                long begin = System.nanoTime();
                image.use(pointer -> {
                    for (int i = 0; i < 20_000; i++) {
                        provider_get_block(pointer, 0, 0, 0, MemorySegment.NULL, 0, made, err);
                        MemorySegment tile = made.get(ValueLayout.ADDRESS, 0);
                        tc_tile_pixels(tile, at);
                        tc_tile_release(tile);
                    }
                    return null;
                });
                long middle = System.nanoTime();
                for (int i = 0; i < 20_000; i++) {
                    try (Tile tile = image.getBlock(0, 0, 0)) {
                        tile.isAbsent();
                    }
                }
                inC = Math.min(inC, middle - begin);
                inJava = Math.min(inJava, System.nanoTime() - middle);
            }
            System.out.printf("a hit through Java takes %.1f times as long as by the functions of C (the shortest of 20"
                    + " rounds each)%n", (double) inJava / inC);
        }
    }

    public static void main(String[] arguments) throws Exception {
        scene = arguments[0];
        aTileIsReadWhereItLies();
        windowsAreConverted();
        operators();
        requestsAreFutures();
        whatWasClosedIsAnError();
        whatACallbackThrowsComesOutAsItself();
        pixelsOfACallbackCannotBeKept();
        aViewOutlivesEverything();
        functionsGoWhenTheImageGoes();
        threads();
        aCloseWaitsForNobodyAndEndsNoCall();
        aLoadIsCancelledInItsMidst();
        handlesThatNobodyClosesAreCollected();
        whatAHitCosts();
        System.out.println("Java: all tests passed");
    }
}
