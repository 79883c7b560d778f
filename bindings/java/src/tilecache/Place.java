package tilecache;

/** Which block an operator makes: its row, column and level, its first pixel, and its size. */
public record Place(long row, long col, int level, long x, long y, long width, long height) {}
