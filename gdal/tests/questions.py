"""What programs ask GDAL of a raster, asked of any file directly and through the driver: questions.py FILE...

Prints for each file which answers differ, and ends with 1 if some do. What tells of storage alone, the size of
blocks, is not asked."""

import hashlib
import sys

from osgeo import gdal

LARGE = 6_000_000  # samples, above which pixels are not asked
KINDS = [gdal.GDT_Byte, gdal.GDT_UInt16, gdal.GDT_Int16, gdal.GDT_UInt32, gdal.GDT_Int32, gdal.GDT_Float32,
         gdal.GDT_Float64, gdal.GDT_CInt16, gdal.GDT_CInt32, gdal.GDT_CFloat32, gdal.GDT_CFloat64]
WAYS = [gdal.GRIORA_NearestNeighbour, gdal.GRIORA_Bilinear, gdal.GRIORA_Cubic, gdal.GRIORA_Average, gdal.GRIORA_Mode,
        gdal.GRIORA_Gauss, gdal.GRIORA_RMS]
# Domains that a raster may answer for without naming them, and items that are made when they are asked for.
DOMAINS = ["", "IMAGE_STRUCTURE", "RPC", "SUBDATASETS", "xml:XMP", "EXIF", "COLOR_PROFILE", "GEOLOCATION", "TRE",
           "xml:TRE", "CGM", "TEXT", "DES", "NITF_METADATA", "TIFF", "ESRI"]
ITEMS = [("NBITS", "IMAGE_STRUCTURE"), ("PIXELTYPE", "IMAGE_STRUCTURE"), ("COMPRESSION", "IMAGE_STRUCTURE"),
         ("JPEG_QUALITY", "IMAGE_STRUCTURE"), ("BLOCK_OFFSET_0_0", "TIFF"), ("BLOCK_SIZE_0_0", "TIFF"),
         ("IFD_OFFSET", "TIFF"), ("JPEGTABLES", "TIFF"), ("Pixel_0_0", "LocationInfo")]


def pixels(read, *place, **arguments):
    """A digest of the bytes that a read gives; what stands for them if it fails."""
    try:
        return hashlib.md5(read(*place, **arguments)).hexdigest()
    except RuntimeError:
        return "fails"


def answer(ask, *arguments):
    """An answer that may be an error, whose text names the raster."""
    try:
        return str(ask(*arguments))
    except RuntimeError:
        return "fails"


def of_items(thing):
    # Their order is that in which they were asked for.
    domains = sorted(thing.GetMetadataDomainList() or [])
    yield "domains", domains
    for domain in domains + DOMAINS:
        yield f"items of {domain}", thing.GetMetadata_List(domain)
    for name, domain in ITEMS:
        yield f"item {name} of {domain}", thing.GetMetadataItem(name, domain)


def table(band):
    colours = band.GetColorTable()
    if colours is not None:
        return [colours.GetPaletteInterpretation(),
                *(colours.GetColorEntry(entry) for entry in range(colours.GetCount()))]


def attributes(band):
    rows = band.GetDefaultRAT()
    if rows is not None:
        return [[rows.GetNameOfCol(column), rows.GetTypeOfCol(column), rows.GetUsageOfCol(column),
                 *(rows.GetValueAsString(row, column) for row in range(rows.GetRowCount()))]
                for column in range(rows.GetColumnCount())]


def smaller(band):
    for factor in (2, 3.3):
        yield dict(buf_xsize=max(1, int(band.XSize / factor)), buf_ysize=max(1, int(band.YSize / factor)))


def between(band):
    """A read that is a little too large for the second level, and for which GDAL takes the first. Half of its odd
    height is rounded up there: of a level that has levels again, GDAL takes the next one after all."""
    if band.GetOverviewCount() < 2:
        return
    factor = band.YSize / band.GetOverview(1).YSize / 1.2  # GDAL takes levels that are so much too small
    for lines in range(band.YSize // 4, 1, -1):
        height = int(factor * lines)
        if height % 2 == 1 and height < factor * lines:
            yield (0, 0, band.XSize, height), dict(buf_xsize=max(1, band.XSize * lines // height), buf_ysize=lines)
            return


def of_mask(mask, small):
    size = (0, 0, mask.XSize, mask.YSize)
    yield "type of the mask", mask.DataType
    yield "kind of mask of the mask", mask.GetMaskFlags()
    if small:
        yield "mask", pixels(mask.ReadRaster, *size)
        yield "checksum of the mask", answer(mask.Checksum)
    yield "levels of the mask", mask.GetOverviewCount()
    for size_of in smaller(mask) if small else ():
        yield f"mask in {size_of}", pixels(mask.ReadRaster, *size, **size_of)
    for level in range(mask.GetOverviewCount()):
        of = mask.GetOverview(level)
        yield f"mask of level {level}", None if of is None else (of.XSize, of.YSize, small and answer(of.Checksum))


def of_band(band, small):
    size = (0, 0, band.XSize, band.YSize)
    yield "size and type", (band.XSize, band.YSize, band.DataType)
    yield "colour", band.GetColorInterpretation()
    yield "nodata", str(band.GetNoDataValue())
    yield "kind of mask", (band.GetMaskFlags(), band.IsMaskBand())
    yield "colours", table(band)
    yield "attributes", attributes(band)
    yield "categories", band.GetCategoryNames()
    yield "values", (band.GetScale(), band.GetOffset(), band.GetUnitType(), band.GetDescription())
    yield "range", (str(band.GetMinimum()), str(band.GetMaximum()))
    for approximate in (False, True):
        yield f"statistics {approximate}", answer(band.GetStatistics, approximate, False)
    yield "histogram", band.GetDefaultHistogram(force=0)
    yield "arbitrary levels", band.HasArbitraryOverviews()
    coverage, percent = band.GetDataCoverageStatus(*size)
    yield "coverage", coverage if coverage & gdal.GDAL_DATA_COVERAGE_STATUS_UNIMPLEMENTED else (coverage, percent)
    yield "levels", band.GetOverviewCount()
    yield from of_items(band)
    if small:
        yield "checksum", answer(band.Checksum)
        yield "pixels", pixels(band.ReadRaster, *size)
    for kind in KINDS if small else ():
        yield f"as {gdal.GetDataTypeName(kind)}", pixels(band.ReadRaster, *size, buf_type=kind)
    for way in WAYS if small else ():
        for size_of in smaller(band):
            yield f"{size_of} by {way}", pixels(band.ReadRaster, *size, resample_alg=way, **size_of)
    for window, size_of in between(band) if small else ():
        yield "between levels", pixels(band.ReadRaster, *window, **size_of)
    if small:
        larger = dict(buf_xsize=133, buf_ysize=97, resample_alg=gdal.GRIORA_Bilinear)
        yield "larger", pixels(band.ReadRaster, 0, 0, min(50, band.XSize), min(50, band.YSize), **larger)
    yield from of_mask(band.GetMaskBand(), small)
    # GDAL may say of a level that it has levels again.
    for level in range(band.GetOverviewCount()):
        for what, said in of_band(band.GetOverview(level), small):
            yield f"level {level}: {what}", said


def system(place):
    return place and (place.ExportToWkt(["FORMAT=WKT2_2019"]), place.GetDataAxisToSRSAxisMapping(),
                      place.GetCoordinateEpoch())


def of_raster(name):
    """The questions and answers of a raster, one by one."""
    raster = gdal.Open(name)
    width, height, bands = raster.RasterXSize, raster.RasterYSize, raster.RasterCount
    small = width * height * max(1, bands) < LARGE
    yield "size and bands", (width, height, bands)
    yield "place", (raster.GetGeoTransform(can_return_null=True), raster.GetProjection(), system(raster.GetSpatialRef()))
    yield "points", [(point.Id, point.Info, point.GCPPixel, point.GCPLine, point.GCPX, point.GCPY, point.GCPZ)
                     for point in raster.GetGCPs()]
    yield "place of the points", (raster.GetGCPProjection(), system(raster.GetGCPSpatialRef()))
    yield "files", raster.GetFileList()
    yield "rasters inside", raster.GetSubDatasets()
    yield from of_items(raster)
    if small and bands > 0:
        yield "all", pixels(raster.ReadRaster, buf_type=gdal.GDT_Float32)
        window = (width // 3, height // 3, max(1, width // 2), max(1, height // 2))
        yield "a window", pixels(raster.ReadRaster, *window, buf_type=gdal.GDT_Float32)
        for window, size_of in between(raster.GetRasterBand(1)):
            yield "between levels", pixels(raster.ReadRaster, *window, **size_of)
        half = dict(buf_xsize=max(1, width // 2), buf_ysize=max(1, height // 2))
        for way in (gdal.GRIORA_NearestNeighbour, gdal.GRIORA_Bilinear, gdal.GRIORA_Average):
            yield f"half by {way}", pixels(raster.ReadRaster, resample_alg=way, **half)
    for number in sorted({*range(1, min(bands, 5) + 1), *([bands] if bands else [])}):
        for what, said in of_band(raster.GetRasterBand(number), small):
            yield f"band {number}: {what}", said


def different(name, view):
    """The questions of which the two rasters say different things, with both answers."""
    direct, shown = dict(of_raster(name)), dict(of_raster(view))
    return {what: (direct.get(what), shown.get(what)) for what in {**direct, **shown}
            if direct.get(what) != shown.get(what)}


def main():
    gdal.UseExceptions()
    gdal.PushErrorHandler("CPLQuietErrorHandler")
    wrong = 0
    for name in sys.argv[1:]:
        try:
            gdal.Open(name)
        except RuntimeError as error:
            print(f"{name}: not read by GDAL: {error}")
            continue
        try:
            found = different(name, f"TILECACHE:{name}")
        except RuntimeError as error:
            found = {"opening": error}
        wrong += found != {}
        print(f"{name}: {'equal' if not found else ''}")
        for what, said in found.items():
            print(f"    {what}: {str(said)[:300]}")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
