//! The tags that the reader looks at, and the standard names of all that it passes on as metadata.

macro_rules! tags {
    ($($name:ident = $number:literal, $text:literal;)*) => {
        $(#[doc = $text] pub const $name: u16 = $number;)*

        /// The name of a tag as other readers report it, `TIFFTAG_` left out.
        pub fn name(tag: u16) -> Option<&'static str> {
            match tag {
                $($number => Some($text),)*
                _ => other_name(tag),
            }
        }
    };
}

tags! {
    NEW_SUBFILE_TYPE = 254, "SUBFILETYPE";
    OLD_SUBFILE_TYPE = 255, "OSUBFILETYPE";
    IMAGE_WIDTH = 256, "IMAGEWIDTH";
    IMAGE_LENGTH = 257, "IMAGELENGTH";
    BITS_PER_SAMPLE = 258, "BITSPERSAMPLE";
    COMPRESSION = 259, "COMPRESSION";
    PHOTOMETRIC = 262, "PHOTOMETRIC";
    FILL_ORDER = 266, "FILLORDER";
    STRIP_OFFSETS = 273, "STRIPOFFSETS";
    SAMPLES_PER_PIXEL = 277, "SAMPLESPERPIXEL";
    ROWS_PER_STRIP = 278, "ROWSPERSTRIP";
    STRIP_BYTE_COUNTS = 279, "STRIPBYTECOUNTS";
    PLANAR_CONFIG = 284, "PLANARCONFIG";
    T4_OPTIONS = 292, "T4OPTIONS";
    RESOLUTION_UNIT = 296, "RESOLUTIONUNIT";
    PREDICTOR = 317, "PREDICTOR";
    WHITE_POINT = 318, "WHITEPOINT";
    COLOR_MAP = 320, "COLORMAP";
    TILE_WIDTH = 322, "TILEWIDTH";
    TILE_LENGTH = 323, "TILELENGTH";
    TILE_OFFSETS = 324, "TILEOFFSETS";
    TILE_BYTE_COUNTS = 325, "TILEBYTECOUNTS";
    SUB_IFDS = 330, "SUBIFD";
    INK_SET = 332, "INKSET";
    EXTRA_SAMPLES = 338, "EXTRASAMPLES";
    SAMPLE_FORMAT = 339, "SAMPLEFORMAT";
    JPEG_TABLES = 347, "JPEGTABLES";
    JPEG_PROC = 512, "JPEGPROC";
    JPEG_STREAM = 513, "JPEGIFOFFSET";
    JPEG_STREAM_LENGTH = 514, "JPEGIFBYTECOUNT";
    JPEG_FACTORS = 519, "JPEGQTABLES";
    JPEG_DC_CODES = 520, "JPEGDCTABLES";
    JPEG_AC_CODES = 521, "JPEGACTABLES";
    YCBCR_COEFFICIENTS = 529, "YCBCRCOEFFICIENTS";
    YCBCR_SUBSAMPLING = 530, "YCBCRSUBSAMPLING";
    REFERENCE_BLACK_WHITE = 532, "REFERENCEBLACKWHITE";
    XMP = 700, "XMLPACKET";
    MODEL_PIXEL_SCALE = 33550, "GEOPIXELSCALE";
    MODEL_TIEPOINT = 33922, "GEOTIEPOINTS";
    MODEL_TRANSFORMATION = 34264, "GEOTRANSMATRIX";
    ICC_PROFILE = 34675, "ICCPROFILE";
    GEO_KEY_DIRECTORY = 34735, "GEOKEYDIRECTORY";
    GEO_DOUBLE_PARAMS = 34736, "GEODOUBLEPARAMS";
    GEO_ASCII_PARAMS = 34737, "GEOASCIIPARAMS";
    GDAL_METADATA = 42112, "GDAL_METADATA";
    GDAL_NODATA = 42113, "GDAL_NODATA";
    LERC_PARAMETERS = 50674, "LERC_PARAMETERS";
    RPC_COEFFICIENTS = 50844, "RPCCOEFFICIENT";
}

/// The names of tags that say nothing to this reader.
fn other_name(tag: u16) -> Option<&'static str> {
    Some(match tag {
        263 => "THRESHHOLDING",
        269 => "DOCUMENTNAME",
        270 => "IMAGEDESCRIPTION",
        271 => "MAKE",
        272 => "MODEL",
        274 => "ORIENTATION",
        280 => "MINSAMPLEVALUE",
        281 => "MAXSAMPLEVALUE",
        282 => "XRESOLUTION",
        283 => "YRESOLUTION",
        285 => "PAGENAME",
        286 => "XPOSITION",
        287 => "YPOSITION",
        293 => "T6OPTIONS",
        297 => "PAGENUMBER",
        305 => "SOFTWARE",
        306 => "DATETIME",
        315 => "ARTIST",
        316 => "HOSTCOMPUTER",
        319 => "PRIMARYCHROMATICITIES",
        333 => "INKNAMES",
        334 => "NUMBEROFINKS",
        336 => "DOTRANGE",
        337 => "TARGETPRINTER",
        340 => "SMINSAMPLEVALUE",
        341 => "SMAXSAMPLEVALUE",
        531 => "YCBCRPOSITIONING",
        33432 => "COPYRIGHT",
        _ => return None,
    })
}
