package tilecache;

/** A place in the output, and where in the source that is. */
public record TiePoint(double x, double y, double sourceX, double sourceY) {}
