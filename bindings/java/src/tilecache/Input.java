package tilecache;

import tilecache.raw.Raw.tc_input;

/** Which pixels of an image a block of {@link Provider#compute} needs, by the names of tc_input; 0 is the default. */
public final class Input {
    public final Provider source;
    public int[] bands = {};
    public int level;
    public int border;
    public int scaleX;
    public int scaleY;
    public long left;
    public long top;
    public long right;
    public long bottom;
    public int flags;

    public Input(Provider source) {
        this.source = source;
    }

    void fill(Struct into) {
        into.bands(tc_input.bands, tc_input.n_bands, bands).set(tc_input.level, level).set(tc_input.border, border)
                .set(tc_input.scale_x, scaleX).set(tc_input.scale_y, scaleY).set(tc_input.left, left)
                .set(tc_input.top, top).set(tc_input.right, right).set(tc_input.bottom, bottom).set(tc_input.flags, flags);
    }
}
