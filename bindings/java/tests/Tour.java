import tilecache.Cache;
import tilecache.Chain;
import tilecache.DType;
import tilecache.ImageInfo;
import tilecache.LevelOptions;
import tilecache.Load;
import tilecache.Pixels;
import tilecache.Provider;
import tilecache.Source;
import tilecache.TileCacheException;
import tilecache.raw.Raw;

/** The tour in Java: docs/bindings.md has it beside those in other languages. */
public final class Tour {
    private static Provider reader;

    private Tour() {}

    // Three windows.
    /** The sum of the samples of a window of bytes. */
    static long sumOf(Provider image, long x, long y, int level) {
        Pixels window = image.readWindow(DType.U8, x, y, 64, 48, level);
        long sum = 0;
        for (int band = 0; band < window.bands(); band++) {
            for (long row = 0; row < window.height(); row++) {
                for (long column = 0; column < window.width(); column++) {
                    sum += (long) window.get(band, row, column);
                }
            }
        }
        return sum;
    }

    // A provider of one's own.
    /** Sample (x, y) is (x + 2 y) mod 251. In block (1, 1) it cancels the reader, if there is one. */
    static final Source OWN = (into, row, col, level) -> {
        for (long y = 0; y < into.height(); y++) {
            for (long x = 0; x < into.width(); x++) {
                into.set(0, y, x, (col * 256 + x + 2 * (row * 256 + y)) % 251);
            }
        }
        if (row == 1 && col == 1 && reader != null) {
            reader.cancel();
            try (Load load = Load.current()) {
                System.out.println("wanted after the cancel: " + (load.isCancelled() ? "no" : "yes"));
            }
            throw new TileCacheException(Raw.TC_E_CANCELLED, "not wanted any more");
        }
    };

    // End.
    public static void main(String[] arguments) {
        // Open.
        Cache cache = new Cache(64 << 20);
        Provider file = Provider.open(arguments[0]);
        ImageInfo info = file.info();
        System.out.println("open: " + file.format() + ", " + info.width() + " x " + info.height() + ", " + info.bands()
                + " bands");

        // Pyramid.
        LevelOptions levels = new LevelOptions();
        levels.filter = Raw.TC_FILTER_AVERAGE;
        levels.levels = 3;
        levels.tileWidth = levels.tileHeight = 128;
        Provider pyramid = file.pyramid(levels, cache);
        System.out.println("pyramid: " + pyramid.info().levels() + " levels");

        // Display.
        Chain chain = Chain.parse("bands=2,1,0|stretch=0..1000|u8").resolve(pyramid);
        Provider picture = pyramid.display(chain, cache);
        System.out.println("display: " + chain.text());

        // Three windows.
        for (int level = 0; level < 3; level++) {
            System.out.println("window at level " + level + ": " + sumOf(picture, 80 >> level, 40 >> level, level));
        }

        // A provider of one's own.
        Provider own = Provider.fromSource(new ImageInfo(DType.U8, 1000, 600, 256, 256, 1), OWN);
        Pixels six = own.readWindow(DType.U8, 254, 255, 3, 2, 0);
        StringBuilder samples = new StringBuilder();
        for (int i = 0; i < 6; i++) {
            samples.append(' ').append((int) six.get(0, i / 3, i % 3));
        }
        System.out.println("own:" + samples);

        // An error.
        try {
            own.readWindow(DType.U8, 0, 0, 3, 2, 9);
        } catch (TileCacheException problem) {
            System.out.println("error: " + problem.getMessage());
        }

        // A cancel.
        reader = own.reader();
        try {
            reader.readWindow(DType.U8, 300, 300, 3, 2, 0);
        } catch (TileCacheException problem) {
            System.out.println("cancel: " + problem.statusName());
        }
        // End.
    }
}
