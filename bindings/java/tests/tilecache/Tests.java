package tilecache;

import static tilecache.raw.Raw.*;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

/** What the binding gives, and what bad use gets: Tests scene.tif memory_tier.so. In the package, for it looks at what is lent. */
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

    /** Where a request needs the thread that the callback has, and where it needs the very block. */
    static void aCallbackMayWaitForARequest() throws Exception {
        for (int threads : new int[] {1, 2}) {
            CacheOptions options = new CacheOptions();
            options.threads = threads;
            try (Cache cache = new Cache(1 << 20, options); Provider beneath = own().cached(cache)) {
                Provider[] itself = new Provider[1];
                List<Integer> said = java.util.Collections.synchronizedList(new ArrayList<>());
                Provider image = Provider.fromSource(IMAGE, (into, row, col, level) -> {
                    if (col == 1) { // Its own block, first by a future that is derived.
                        said.add(itself[0].requestBlock(row, col, level).handle((tile, thrown) ->
                                ((TileCacheException) thrown).status()).join());
                        itself[0].requestBlock(row, col, level).join();
                    } else if (col == 2) {
                        itself[0].prefetch(512, 256 * row, 256, 256, level, 0).get();
                    }
                    Pixels pixels = beneath.requestBlock(row, 0, level).get().pixels();
                    into.set(0, 0, 0, pixels.get(0, 0, 5));
                });
                itself[0] = image.cached(cache);
                check(itself[0].requestBlock(0, 0, 0).get(30, TimeUnit.SECONDS).pixels().get(0, 0, 0) == 5);
                check(itself[0].getBlock(1, 0, 0).pixels().get(0, 0, 0) == value(256, 5));
                check(reentrant(() -> itself[0].getBlock(0, 1, 0)) && reentrant(() -> itself[0].getBlock(0, 2, 0)));
                check(reentrant(() -> itself[0].requestBlock(1, 1, 0).get(30, TimeUnit.SECONDS)));
                check(reentrant(() -> itself[0].requestBlock(1, 2, 0).get(30, TimeUnit.SECONDS)));
                // Those that came late have been cancelled, and have called nobody again.
                Thread.sleep(50);
                if (!said.equals(List.of(TC_E_REENTRANT, TC_E_REENTRANT))) throw new AssertionError(said + " " + threads);
                itself[0].close();
                image.close();
            }
        }
    }

    /** Whether what is thrown is, in whatever futures have put around it, that something would wait for itself. */
    static boolean reentrant(Body body) {
        Throwable thrown = thrownBy(Exception.class, body);
        while (thrown instanceof ExecutionException || thrown instanceof CompletionException) {
            thrown = thrown.getCause();
        }
        return ((TileCacheException) thrown).status() == TC_E_REENTRANT;
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

    // What the layer has of the rest of the API.

    static Provider ramp(int dx) {
        return Provider.fromSource(new ImageInfo(DType.I16, 400, 300, 64, 64, 2), (into, row, col, level) -> {
            for (int band = 0; band < into.bands(); band++) {
                for (long y = 0; y < into.height(); y++) {
                    for (long x = 0; x < into.width(); x++) {
                        into.set(band, y, x, ramp(dx, band, row * 64 + y, col * 64 + x));
                    }
                }
            }
        });
    }

    static double ramp(int dx, int band, long y, long x) {
        return 100 * band + dx * x + 3 * y;
    }

    static double sample(Provider image, int band, long x, long y, int level) {
        return image.readWindow(DType.F64, x, y, 1, 1, level, band).get(0, 0, 0);
    }

    static void warpsSeeThroughTransforms() {
        try (Cache cache = new Cache(64 << 20); Provider image = ramp(1)) {
            WarpOptions options = new WarpOptions(100, 80);
            options.filter = TC_FILTER_NEAREST;
            options.tileWidth = options.tileHeight = 32;
            options.levels = 1;
            try (Transform shift = Transform.affine(20, 1, 0, 10, 0, 1)) {
                Provider warped = image.warp(shift, options, cache);
                check(warped.info().width() == 100 && warped.info().blockWidth() == 32 && warped.info().levels() == 1);
                check(sample(warped, 1, 5, 7, 0) == ramp(1, 1, 17, 25));
                double[] x = {5};
                double[] y = {7};
                shift.points(x, y);
                check(x[0] == 25 && y[0] == 17);
            }
            TiePoint[] ties = {new TiePoint(0, 0, 20, 10), new TiePoint(100, 0, 120, 10), new TiePoint(0, 80, 20, 90),
                new TiePoint(100, 80, 120, 90)};
            for (Transform transform : List.of(Transform.polynomial(1, ties), Transform.spline(ties),
                    Transform.of((x, y) -> {
                        for (int i = 0; i < x.length; i++) {
                            x[i] += 20;
                            y[i] += 10;
                        }
                    }, null))) {
                check(sample(image.warp(transform, options, cache), 0, 50, 40, 0) == ramp(1, 0, 50, 70));
            }
            IOException lost = new IOException("the satellite is lost");
            int before = Callbacks.lent();
            try (Transform fails = Transform.of((x, y) -> {
                throw lost;
            }, null)) {
                check(thrownBy(IOException.class, () -> fails.points(new double[] {1}, new double[] {1})) == lost);
            }
            check(Callbacks.lent() == before);
            check(statusOf(() -> Transform.affine(1, 2, 3)) == TC_E_ARGUMENT);
            check(statusOf(() -> Transform.spline(ties[0])) == TC_E_RANGE && statusOf(() -> image.warp(
                    Transform.affine(0, 1, 0, 0, 0, 1), new WarpOptions(-1, 1), null)) == TC_E_RANGE);
            Transform closed = Transform.affine(0, 1, 0, 0, 0, 1);
            closed.close();
            check(statusOf(() -> image.warp(closed, options, null)) == TC_E_ARGUMENT);
            double[] ones = new double[20];
            ones[0] = 1;
            double[] along = new double[20];
            along[1] = 1;
            double[] down = new double[20];
            down[2] = -1;
            Rpc rpc = new Rpc(0, 0, 150, 200, 45, 9, 0, 150, 200, 1, 1, 1, down, ones, along, ones);
            double[] x = {0};
            double[] y = {0};
            Transform.rpc(rpc, 0, 9, 0, 0, 45, 0, 0).points(x, y);
            check(Math.abs(x[0] - 200) <= 1 && Math.abs(y[0] - 150) <= 1);
            HeightsOptions over = new HeightsOptions();
            over.transform = new double[] {0, 0.1, 0, 90, 0, -0.1};
            check(statusOf(() -> Transform.rpcHeights(rpc, image, new HeightsOptions(), null, 9, 0, 0, 45, 0, 0)) == TC_E_ARGUMENT);
            double[] column = {0};
            double[] line = {0};
            Transform.rpcHeights(rpc, image, over, cache, 9, 0, 0, 45, 0, 0).points(column, line);
            check(Double.isNaN(column[0])); // no height is known there
            over.missing = 0.0;
            Transform.rpcHeights(rpc, image, over, cache, 9, 0, 0, 45, 0, 0).points(column = new double[1], line = new double[1]);
            check(column[0] == x[0] && line[0] == y[0]);
            Provider placed = image.withGeoref(new Georef(null, null, 0, 0, null, List.of(), rpc, 0));
            check(placed.georef(0).rpc().lineOff() == 150 && placed.georef(0).rpc().lineNum()[2] == -1);
        }
    }

    static void mosaicsAndKernels() {
        try (Cache cache = new Cache(64 << 20); Provider one = ramp(1); Provider two = ramp(2)) {
            Provider whole = Provider.mosaic(List.of(new Part(one, 0, 0), new Part(two, 300, 100)), new MosaicOptions(), cache);
            check(whole.info().width() == 700 && whole.info().height() == 400 && whole.info().bands() == 2);
            check(sample(whole, 1, 10, 20, 0) == ramp(1, 1, 20, 10) && sample(whole, 0, 310, 120, 0) == ramp(2, 0, 20, 10));
            MosaicOptions later = new MosaicOptions();
            later.image = new ImageInfo(DType.I16, 800, 300, 128, 128, 2).with(-9.0, -9.0);
            AtomicInteger opened = new AtomicInteger();
            later.open = part -> {
                opened.incrementAndGet();
                if (part == 1) {
                    throw new IOException("part 1 is away");
                }
                return ramp(5);
            };
            int before = Callbacks.lent();
            Provider lazy = Provider.mosaic(List.of(new Part(null, 0, 0, 400, 300, "a"), new Part(null, 400, 0, 300, 300, "b")),
                    later, cache);
            check(opened.get() == 0 && sample(lazy, 0, 3, 4, 0) == ramp(5, 0, 4, 3) && opened.get() == 1);
            check(sample(lazy, 0, 790, 4, 0) == -9 && lazy.info().pad() == -9 && lazy.info().nodata() == -9);
            check(thrownBy(IOException.class, () -> sample(lazy, 0, 500, 4, 0)).getMessage().equals("part 1 is away"));
            lazy.close();
            settleQuietly();
            check(Callbacks.lent() <= before + 1); // that of the image which the part was made of
            check(statusOf(() -> Provider.mosaic(List.of(new Part(null, 0, 0)), new MosaicOptions(), null)) == TC_E_ARGUMENT);

            Input left = new Input(one);
            left.bands = new int[] {1};
            left.right = 1;
            left.border = TC_BORDER_NEAREST;
            Input other = new Input(two);
            other.bands = new int[] {0};
            ComputeOptions options = new ComputeOptions();
            options.name = "differences";
            options.image = new ImageInfo(DType.F32, 400, 300, 100, 100, 1);
            options.texts = Map.of("MADE", "by a test");
            options.bandInfos = List.of(new BandInfo(TC_COLOUR_GRAY, -1.0));
            Provider made = Provider.compute(List.of(left, other), (place, in, out) -> {
                check(in.length == 2 && in[0].width() == place.width() + 1 && place.x() == place.col() * 100);
                for (long y = 0; y < out.height(); y++) {
                    for (long x = 0; x < out.width(); x++) {
                        out.set(0, y, x, in[0].get(0, y, x + 1) - in[0].get(0, y, x) + in[1].get(0, y, x));
                    }
                }
            }, options, cache);
            check(sample(made, 0, 150, 20, 0) == 1 + ramp(2, 0, 20, 150));
            check(made.metadata(-1).get("MADE").equals("by a test") && made.bandInfo(0).colour() == TC_COLOUR_GRAY);
            check(made.bandInfo(0).nodata() == -1 && one.bandInfo(0).nodata() == null && one.palette(0).isEmpty());
            ArithmeticException wrong = new ArithmeticException("no");
            check(thrownBy(ArithmeticException.class, () -> Provider.compute(List.of(new Input(one)), (place, in, out) -> {
                throw wrong;
            }, new ComputeOptions(), cache).getBlock(0, 0, 0)) == wrong);
            check(statusOf(() -> Provider.compute(List.of(), (a, b, c) -> {}, options, null)) == TC_E_ARGUMENT);
            MapOptions mapped = new MapOptions();
            mapped.sourceBands = new int[] {1};
            mapped.bands = 1;
            mapped.dtype = DType.F64;
            mapped.pad = -2.5;
            Provider half = one.map((in, out) -> out.set(0, 0, 0, in.get(0, 0, 0) / 2), mapped, null);
            check(half.info().pad() == -2.5 && sample(half, 0, 0, 0, 0) == 50 && sample(half, 0, -5, 0, 0) == -2.5);
        }
    }

    static void settleQuietly() {
        try {
            settle();
        } catch (InterruptedException interrupted) {
            throw new IllegalStateException(interrupted);
        }
    }

    static void statisticsAndPictures() {
        try (Cache cache = new Cache(64 << 20); Provider image = ramp(1)) {
            List<Double> heard = new ArrayList<>();
            SampleOptions options = new SampleOptions();
            options.progress = done -> heard.add(done);
            PixelStats stats = image.pixelStats(options);
            PixelStats.Band band = stats.band(1);
            check(stats.bands() == 2 && stats.level() == 0 && stats.flags() == 0 && stats.tableBytes() > 0 && !heard.isEmpty());
            check(band.count() == 120_000 && band.valid() == 120_000 && band.minimum() == 100);
            check(band.maximum() == 100 + 399 + 3 * 299 && band.nan() == 0 && band.infinite() == 0);
            check(Math.abs(band.mean() - (100 + 199.5 + 448.5)) < 1e-9 && band.deviation() > 0);
            PixelStats.Percentile middle = stats.percentile(1, 50);
            check(middle.low() <= middle.value() && middle.value() <= middle.high() && Math.abs(middle.value() - 748) < 2);
            long sum = 0;
            for (long count : stats.histogram(1, 10, 0, 0)) {
                sum += count;
            }
            check(sum == 120_000 && statusOf(() -> stats.band(2)) == TC_E_RANGE);
            options.progress = done -> false;
            check(statusOf(() -> image.pixelStats(options)) == TC_E_CANCELLED);
            IOException full = new IOException("the pipe is closed");
            options.progress = done -> {
                throw full;
            };
            check(thrownBy(IOException.class, () -> image.pixelStats(options)) == full);
            check(thrownBy(IOException.class, () -> image.autoChain(options)) == full);
            options.progress = null;

            try (Chain found = image.autoChain(options); Provider picture = image.display(found, cache)) {
                check(picture.info().dtype() == DType.U8 && !found.why().isEmpty() && found.text().contains("u8"));
            }
            Chain limits = Chain.parse("bands=1|stretch=0..100%|u8");
            check((limits.info().flags() & TC_CHAIN_NEEDS_STATS) != 0 && limits.why().isEmpty());
            Chain resolved = limits.resolve(image, stats);
            Provider shown = image.display(resolved, cache);
            check(sample(shown, 0, 0, 0, 0) == 0 && sample(shown, 0, 399, 299, 0) == 255);
            check(resolved.info().bands() == 1 && resolved.info().dtype() == DType.U8 && resolved.info().colours().length == 4);
            Pixels in = image.readWindow(DType.I16, 0, 0, 4, 2, 0);
            Pixels out = Pixels.packed(DType.U8, 1, 2, 4);
            resolved.apply(in, null, out);
            check(out.get(0, 0, 0) == 0);
            Chain both = Chain.parse("bands=0|f32").then(Chain.parse("stretch=0..9|u8"));
            check(both.text().contains("bands=0"));
            ConvertOptions convert = new ConvertOptions();
            convert.low = 100;
            convert.high = 100 + 255;
            convert.bands = new int[] {1};
            convert.stats = stats;
            convert.gamma = 1;
            check(sample(image.convert(convert, cache), 0, 20, 0, 0) == 20);
        }
    }

    static void filesAreWrittenPlacedAndOpened() throws Exception {
        Path folder = Files.createTempDirectory("tilecache");
        Path path = folder.resolve("made.tif");
        try (Cache cache = new Cache(64 << 20); Provider image = ramp(1).withGeoref(Georef.affine(32632, 500_000, 10, 0, 4_000_000, 0, -10))) {
            BuildOptions options = new BuildOptions();
            options.layout = TC_BUILD_COG;
            options.tileWidth = options.tileHeight = 64;
            options.compression = TC_BUILD_ZSTD;
            AtomicInteger heard = new AtomicInteger();
            options.progress = done -> heard.incrementAndGet() > 0;
            image.buildPyramid(path.toString(), options, cache);
            check(heard.get() > 0);
            options.progress = done -> false;
            check(statusOf(() -> image.buildPyramid(folder.resolve("other.tif").toString(), options, cache)) == TC_E_CANCELLED);
            check(!Files.exists(folder.resolve("other.tif")));
            try (Provider file = Provider.open(path.toString())) {
                Georef lies = file.georef(0);
                check(lies.epsg() == 32632 && lies.transform()[1] == 10 && lies.wkt().contains("UTM") && lies.gcps().isEmpty());
                double[] place = file.placeOf(0, 1, 2, 0.5, 0.5);
                check(place[0] == 500_010 && place[1] == 3_999_980 && place[2] == 500_005);
                check(file.pixelOf(0, place)[1] == 2 && statusOf(() -> file.placeOf(0, 1, 2, 3)) == TC_E_ARGUMENT);
                check(file.info().levels() > 1 && sample(file, 1, 30, 40, 0) == ramp(1, 1, 40, 30));
                check(file.withGeoref(null).georef(0).transform() == null && file.amplification() >= 1);
                check(file.countersJson().startsWith("{") && file.counter(tc_cache_stats.loads) >= 0);
            }
            check(Provider.imageCount(path.toString()) == 1);
            OpenOptions opens = new OpenOptions();
            opens.key = "mine";
            AtomicInteger asked = new AtomicInteger();
            opens.beside = suffix -> {
                asked.incrementAndGet();
                return null;
            };
            byte[] bytes = Files.readAllBytes(path);
            int before = Callbacks.lent();
            try (Provider read = Provider.open(Bytes.of(bytes), opens)) {
                check(read.key().startsWith("mine") && sample(read, 0, 30, 40, 0) == ramp(1, 0, 40, 30) && asked.get() > 0);
            }
            check(Callbacks.lent() == before && Provider.imageCount(Bytes.of(bytes)) == 1);
            opens.fleetId = "scene/1"; // of no use without another tier
            try (Provider named = Provider.open(path.toString(), opens)) {
                check(statusOf(named::invalidateFleet) == TC_E_UNSUPPORTED);
            }
            opens.format = "PNG";
            check(statusOf(() -> Provider.open(path.toString(), opens)) != TC_OK && Callbacks.lent() == before);
            IOException gone = new IOException("gone");
            check(thrownBy(IOException.class, () -> Provider.open(new Bytes() {
                @Override
                public long size() {
                    return 1000;
                }

                @Override
                public void readAt(long offset, MemorySegment into) throws IOException {
                    throw gone;
                }
            }, new OpenOptions())) == gone && Callbacks.lent() == before);
        } finally {
            Files.deleteIfExists(path);
            Files.delete(folder);
        }
        check(TileCache.formats().stream().anyMatch(format -> format.name().equals("TIFF")) && TileCache.version() == TC_LIBRARY_VERSION);
    }

    static void memorySourcesAndReaders() throws Exception {
        Pixels pixels = Pixels.packed(DType.U16, 1, 40, 60);
        pixels.set(0, 3, 5, 77);
        try (Provider image = Provider.fromMemory(pixels, new ImageInfo(DType.U16, 60, 40, 0, 0, 1), null);
                Tile tile = image.getBlock(0, 0, 0)) {
            check(tile.pixels().samples().address() == pixels.samples().address() && tile.pixels().get(0, 3, 5) == 77);
            Pixels part = Pixels.packed(DType.F32, 2, 2, 3);
            tile.copy(part, 4, 3, 0, TC_BAND_OPAQUE);
            check(part.get(0, 0, 1) == 77 && part.get(1, 1, 2) == 1);
            ReaderOptions filled = new ReaderOptions();
            filled.fill = 9.0;
            check(sample(image.reader(filled), 0, -1, 0, 0) == 9);
            filled.fill = 1e6;
            check(statusOf(() -> image.reader(filled)) == TC_E_ARGUMENT);
        }
        try (Cache cache = new Cache(64 << 20)) {
            SourceOptions options = new SourceOptions();
            options.key = "sessions";
            options.georef = Georef.affine(4326, 0, 1, 0, 0, 0, -1);
            options.inputs = List.of(ramp(1));
            options.mask = own();
            options.levels = List.of(new SourceOptions.Level(1000, 600, 256, 256), new SourceOptions.Level(500, 300, 256, 256));
            AtomicInteger open = new AtomicInteger();
            ImageInfo two = new ImageInfo(DType.U8, 1000, 600, 256, 256, 1, 2, 0, 0, 0, 0, null, null);
            int before = Callbacks.lent();
            try (Provider image = Provider.fromSource(two, new Source.InSessions() {
                @Override
                public Object openSession() {
                    open.incrementAndGet();
                    return "a session";
                }

                @Override
                public void readBlock(Object session, Pixels into, long row, long col, int level) {
                    check(session.equals("a session"));
                    into.set(0, 0, 0, 40 + level);
                    Load.decodedBeneath(1);
                }

                @Override
                public void closeSession(Object session) {
                    open.decrementAndGet();
                }
            }, options)) {
                check(image.getBlock(0, 0, 1).pixels().get(0, 0, 0) == 41 && image.key().contains("sessions"));
                check(image.georef(0).epsg() == 4326 && open.get() == 1 && image.level(1).info().width() == 500);
            }
            settle();
            check(open.get() == 0 && Callbacks.lent() <= before);

            Provider bands = Provider.fromSource(new ImageInfo(DType.U8, 8, 8, 8, 8, 5), new Source.Banded() {
                @Override
                public void readBands(Pixels into, long row, long col, int level, int[] wanted) {
                    for (int band = 0; band < wanted.length; band++) {
                        into.set(band, 0, 0, 10 + wanted[band]);
                    }
                }

                @Override
                public void readBlock(Pixels into, long row, long col, int level) {
                    throw new IllegalStateException("all bands were asked for");
                }
            });
            Tile some = bands.getBlock(0, 0, 0, 4, 2);
            check(some.pixels().get(0, 0, 0) == 14 && some.pixels().get(1, 0, 0) == 12);
            AtomicInteger windows = new AtomicInteger();
            Provider windowed = Provider.fromSource(new ImageInfo(DType.U8, 5000, 5000, 5000, 5000, 1), new Source.Windowed() {
                @Override
                public void readBlock(Pixels into, long row, long col, int level) {
                    throw new IllegalStateException("the whole block was asked for");
                }

                @Override
                public void readWindow(Pixels into, long x, long y, int level) {
                    windows.incrementAndGet();
                    into.set(0, 0, 0, x % 251);
                }
            });
            check(sample(windowed, 0, 1000, 3, 0) == 1000 % 251 && windows.get() == 1);

            Provider image = ramp(1).cached(cache);
            PassOptions pass = new PassOptions();
            pass.order = TC_PASS_LIST;
            pass.tiles = List.of(new PassOptions.At(1, 1), new PassOptions.At(0, 0));
            try (Provider declared = image.pass(pass)) {
                check(declared.getBlock(1, 1, 0).pixels().get(0, 0, 0) == ramp(1, 0, 64, 64));
            }
            Prefetched far = image.prefetch(0, 0, 128, 128, 0, 1).get();
            check(far.tiles() == 4 && far.ready() == 4 && far.failed() == 0 && image.peekBlock(0, 1, 0).isPresent());
            check(image.peekBlock(4, 4, 0).isEmpty() && statusOf(() -> image.prefetch(0, 0, -1, 1, 0, 0)) == TC_E_RANGE);
        }
    }

    static void cachesArePutAndTold() throws Exception {
        CacheOptions options = new CacheOptions();
        options.threads = 1;
        options.flags = TC_CACHE_OBSERVE;
        List<String> heard = java.util.Collections.synchronizedList(new ArrayList<>());
        options.log = new Log(TC_LOG_INFO, 0, (level, event, subject, text) -> heard.add(event + " " + text));
        int before = Callbacks.lent();
        try (Cache cache = new Cache(64 << 20, options)) {
            Pixels pixels = Pixels.packed(DType.I32, 2, 3, 4);
            pixels.set(1, 2, 3, -5);
            cache.put("mine", 7, 8, 0, pixels);
            pixels.set(1, 2, 3, 0);
            check(cache.get("mine", 7, 8, 0).get().pixels().get(1, 2, 3) == -5);
            check(cache.peek("mine", 7, 8, 0, 1).get().pixels().get(0, 2, 3) == -5 && cache.get("mine", 0, 0, 0).isEmpty());
            cache.setShare("mine", 1 << 20, 1 << 10);
            check(cache.statisticsJson().contains("mine"));
            ByteArrayOutputStream page = new ByteArrayOutputStream();
            cache.report(page);
            check(page.toString("UTF-8").contains("<html"));
            IOException full = new IOException("the disk is full");
            check(thrownBy(IOException.class, () -> cache.report(new java.io.OutputStream() {
                @Override
                public void write(int one) throws IOException {
                    throw full;
                }
            })) == full);
            cache.remove("mine", 7, 8, 0);
            check(cache.peek("mine", 7, 8, 0).isEmpty() && cache.trim(1) >= 0);
            Provider broken = Provider.fromSource(IMAGE, (into, row, col, level) -> {
                throw new IOException("unplugged");
            }).cached(cache);
            thrownBy(IOException.class, () -> broken.getBlock(0, 0, 0));
            check(heard.stream().anyMatch(text -> text.startsWith(TC_LOG_FAILED + " ") && text.contains("unplugged")));
            broken.close();
        }
        settle();
        check(Callbacks.lent() <= before);
        options.unreadPercent = 101;
        check(statusOf(() -> new Cache(1 << 20, options)) == TC_E_RANGE && Callbacks.lent() <= before);
    }

    static void whatWasThrownIsKeptUntilItHasComeOut() throws InterruptedException {
        Kept kept = new Kept(1024, Long.MAX_VALUE / 4, Long.MAX_VALUE / 4);
        Throwable first = new IOException("the first");
        int number = kept.keep(first);
        List<Integer> others = new ArrayList<>();
        for (int i = 0; i < 20_000; i++) {
            others.add(kept.keep(new IOException(String.valueOf(i))));
        }
        for (int turn = 0; turn < 2; turn++) {
            check(kept.find(number) == first);
            for (int i = 0; i < others.size(); i++) {
                check(kept.find(others.get(i)).getMessage().equals(String.valueOf(i)));
            }
        }
        check(kept.find(42) == null);
        Kept few = new Kept(10, 0, Long.MAX_VALUE / 4);
        Kept none = new Kept(10, 0, 0);
        for (int i = 0; i < 100; i++) {
            check(few.find(few.keep(first)) == first);
            none.keep(first);
            Thread.sleep(0, 50_000);
        }
        check(few.size() <= 12 && none.size() <= 2);
    }

    static void anotherTierHasWhatWasDecoded(String library) throws Throwable {
        SymbolLookup names = SymbolLookup.libraryLookup(java.nio.file.Path.of(library), Arena.global());
        Linker linker = Linker.nativeLinker();
        MethodHandle table = linker.downcallHandle(names.find("memory_tier").orElseThrow(),
                FunctionDescriptor.of(ValueLayout.ADDRESS));
        MethodHandle away = linker.downcallHandle(names.find("memory_tier_away").orElseThrow(),
                FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT));
        AtomicInteger reads = new AtomicInteger();
        Source source = (into, row, col, level) -> {
            reads.incrementAndGet();
            fill(into, row, col);
        };
        SourceOptions named = new SourceOptions();
        named.fleetId = "bytes of Java, version 1";
        try (Cache first = new Cache(64 << 20); Cache second = new Cache(64 << 20)) {
            first.setTier((MemorySegment) table.invokeExact());
            second.setTier((MemorySegment) table.invokeExact());
            try (Provider one = Provider.fromSource(IMAGE, source, named).cached(first);
                    Provider other = Provider.fromSource(IMAGE, source, named).cached(second)) {
                for (Provider each : List.of(one, other)) {
                    try (Tile tile = each.getBlock(1, 1, 0)) {
                        check(tile.pixels().get(0, 3, 5) == value(256 + 3, 256 + 5));
                    }
                }
                check(reads.get() == 1 && first.tierStatistic(tc_tier_stats.puts) == 1);
                check(second.tierStatistic(tc_tier_stats.gets) == 1 && second.tierStatistic(tc_tier_stats.hits) == 1);
                check(second.tierStatistic(tc_tier_stats.hit_bytes) == 256 * 256 && second.tierState() == TC_TIER_CLOSED);
                first.flushTier(Duration.ofMinutes(1));
                away.invokeExact(1);
                TileCacheException failed = thrownBy(TileCacheException.class, one::invalidateFleet);
                check(failed.status() == TC_E_UNREACHABLE && failed.text().contains("the store is away"));
                check(first.tierStatistic(tc_tier_stats.purges_failed) == 1 && first.tierState() == TC_TIER_OPEN);
                away.invokeExact(0);
                one.invalidateFleet();
                one.getBlock(1, 1, 0).close();
                check(reads.get() == 2 && first.tierStatistic(tc_tier_stats.purges) == 1);
            }
            MemorySegment again = (MemorySegment) table.invokeExact();
            check(statusOf(() -> first.setTier(again)) == TC_E_ARGUMENT);
        }
        OpenOptions options = new OpenOptions();
        options.fleetId = "scene, version 1";
        for (int time = 0; time < 2; time++) {
            try (Cache cache = new Cache(64 << 20)) {
                cache.setTier((MemorySegment) table.invokeExact());
                try (Provider file = Provider.open(scene, options); Provider tiles = file.cached(cache)) {
                    tiles.getBlock(0, 0, 0).close();
                    check(cache.tierStatistic(tc_tier_stats.hits) == time && cache.tierStatistic(tc_tier_stats.puts) == 1 - time);
                }
            }
        }
        try (Cache none = new Cache(1 << 20)) {
            check(statusOf(() -> none.setTier(MemorySegment.NULL)) == TC_E_ARGUMENT);
            check(statusOf(none::tierState) == TC_E_NOT_FOUND);
            check(statusOf(() -> none.flushTier(Duration.ZERO)) == TC_E_NOT_FOUND);
        }
    }

    public static void main(String[] arguments) throws Throwable {
        scene = arguments[0];
        aTileIsReadWhereItLies();
        windowsAreConverted();
        operators();
        requestsAreFutures();
        aCallbackMayWaitForARequest();
        whatWasClosedIsAnError();
        whatACallbackThrowsComesOutAsItself();
        pixelsOfACallbackCannotBeKept();
        aViewOutlivesEverything();
        functionsGoWhenTheImageGoes();
        threads();
        aCloseWaitsForNobodyAndEndsNoCall();
        aLoadIsCancelledInItsMidst();
        handlesThatNobodyClosesAreCollected();
        warpsSeeThroughTransforms();
        mosaicsAndKernels();
        statisticsAndPictures();
        filesAreWrittenPlacedAndOpened();
        memorySourcesAndReaders();
        cachesArePutAndTold();
        anotherTierHasWhatWasDecoded(arguments[1]);
        whatWasThrownIsKeptUntilItHasComeOut();
        whatAHitCosts();
        System.out.println("Java: all tests passed");
    }
}
