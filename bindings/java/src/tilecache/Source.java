package tilecache;

/** What makes the blocks of an image; see {@link Provider#fromSource}. */
@FunctionalInterface
public interface Source {
    /**
     * Writes all samples of a block. What it throws comes out of the call that needed the block, as itself. Called on
     * several threads at once.
     */
    void readBlock(Pixels into, long row, long col, int level) throws Exception;

    /** Whether a block is stored. */
    default boolean hasBlock(long row, long col, int level) throws Exception {
        return true;
    }

    /** One that can also read part of a block, where that is cheaper than the block. */
    interface Windowed extends Source {
        void readWindow(Pixels into, long x, long y, int level) throws Exception;
    }

    /** One that can read some of the bands; see Raw.TC_SOURCE_BANDS. */
    interface Banded extends Source {
        /** Writes the samples of the bands that are listed, which count from 0. */
        void readBands(Pixels into, long row, long col, int level, int[] bands) throws Exception;
    }

    /** One that reads by objects, each used by one call at a time, such as open files. */
    interface InSessions extends Source {
        Object openSession() throws Exception;

        void readBlock(Object session, Pixels into, long row, long col, int level) throws Exception;

        default void closeSession(Object session) {}

        @Override
        default void readBlock(Pixels into, long row, long col, int level) {
            throw new IllegalStateException("it reads in sessions");
        }
    }

    /** Makes a block of output from the same block of input; see {@link Provider#map}. */
    @FunctionalInterface
    interface Mapping {
        void map(Pixels in, Pixels out) throws Exception;
    }
}
