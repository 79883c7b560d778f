package tilecache;

/** A ground control point: a place in the image, and where that lies. */
public record Gcp(double pixel, double line, double x, double y, double z, String id, String info) {}
