package tilecache;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import tilecache.raw.Raw;
import tilecache.raw.Raw.tc_chain_about;

/** Steps from the samples of an image to a picture, told by a text. */
public final class Chain extends Handle {
    Chain(MemorySegment pointer) {
        super(pointer, Raw::tc_chain_release);
    }

    public static Chain parse(String text) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment made = arena.allocate(ValueLayout.ADDRESS);
            MemorySegment given = Memory.text("the chain", text, arena);
            checked(arena, err -> Raw.tc_chain_parse(given, made, err));
            return new Chain(made.get(ValueLayout.ADDRESS, 0));
        }
    }

    /** With all constants put in that the image tells. */
    public Chain resolve(Provider image) {
        return resolve(image, null);
    }

    /** With all constants put in that the image and its statistics tell; those may be null where no step needs them. */
    public Chain resolve(Provider image, PixelStats stats) {
        return image.use(source -> useIfAny(stats, known -> made((pointer, arena, made, err) ->
                Raw.tc_chain_resolve(pointer, source, known, made, err), Chain::new)));
    }

    /** This chain, then another over its output. */
    public Chain then(Chain next) {
        return next.use(second -> made((pointer, arena, made, err) ->
                Raw.tc_chain_compose(pointer, second, made, err), Chain::new));
    }

    /** What a chain takes and gives; 0 and null are what is not known before it is resolved. */
    public record Info(int flags, int leastBands, int mostBands, int bands, DType dtype, int[] colours) {}

    public Info info() {
        return use(pointer -> {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment c = Memory.sized(tc_chain_about.SIZE, arena);
                checked(arena, err -> Raw.tc_chain_info(pointer, c, err));
                int dtype = c.get(ValueLayout.JAVA_INT, tc_chain_about.dtype);
                return new Info(c.get(ValueLayout.JAVA_INT, tc_chain_about.flags),
                        c.get(ValueLayout.JAVA_INT, tc_chain_about.least_bands),
                        c.get(ValueLayout.JAVA_INT, tc_chain_about.most_bands),
                        c.get(ValueLayout.JAVA_INT, tc_chain_about.bands), dtype == 0 ? null : DType.of(dtype),
                        c.asSlice(tc_chain_about.colours, 16).toArray(ValueLayout.JAVA_INT));
            }
        });
    }

    /** Applies a resolved chain to pixels with packed samples. Where the mask, which may be null, is 0 nothing is data. */
    public void apply(Pixels input, Pixels mask, Pixels out) {
        check((pointer, arena, err) -> Raw.tc_chain_apply(pointer, input.given(arena),
                mask == null ? MemorySegment.NULL : mask.given(arena), out.target(arena), err));
    }

    /** Why the library chose this one, step by step, for a person. */
    public String why() {
        return use(pointer -> Memory.text(Raw.tc_chain_why(pointer)));
    }

    public String text() {
        return use(pointer -> Memory.text(Raw.tc_chain_text(pointer)));
    }
}
