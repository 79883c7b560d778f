package tilecache;

/** How far a prefetch came: tiles that the rectangle touches, those that are there, those that failed, and whether it was full. */
public record Prefetched(long tiles, long ready, long failed, boolean full) {}
