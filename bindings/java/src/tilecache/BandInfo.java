package tilecache;

/**
 * What a band is.
 *
 * @param colour one of Raw.TC_COLOUR_...
 * @param nodata the value of pixels that are no data; null if there is none. Of complex ones the real part.
 */
public record BandInfo(int colour, Double nodata) {}
