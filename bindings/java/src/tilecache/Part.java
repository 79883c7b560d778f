package tilecache;

/**
 * An image at its place in a mosaic. Without a provider one that is opened when it is first touched, of the size that is
 * told and with pixels that the key names.
 */
public record Part(Provider provider, long x, long y, long width, long height, String key) {
    public Part(Provider provider, long x, long y) {
        this(provider, x, y, 0, 0, null);
    }
}
