package tilecache;

/** A colour of a palette, 0 to 255 each. */
public record Rgba(int red, int green, int blue, int alpha) {}
