package tilecache;

/** What computes blocks out of windows of other images; see {@link Provider#compute}. */
@FunctionalInterface
public interface Kernel {
    /** Writes all samples of a block. What it throws comes out of the call that needed it. Called on several threads at once. */
    void compute(Place place, Pixels[] inputs, Pixels out) throws Exception;
}
