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

    /** Makes a block of output from the same block of input; see {@link Provider#map}. */
    @FunctionalInterface
    interface Mapping {
        void map(Pixels in, Pixels out) throws Exception;
    }
}
