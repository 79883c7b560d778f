"""A writer of NITF 2.1 after MIL-STD-2500C, and of NITF 2.0 after MIL-STD-2500A, apart from all others, for what GDAL does not write."""

import struct

import numpy as np

ABSENT = 0xFFFFFFFF


def number(value, length):
    text = str(value).zfill(length)
    assert len(text) == length, (value, length)
    return text.encode()


def text(value, length):
    raw = value if isinstance(value, bytes) else value.encode("latin-1")
    assert len(raw) <= length, (value, length)
    return raw.ljust(length)


def bits_of(samples):
    """Samples as the whole numbers that their bits are."""
    samples = np.ascontiguousarray(samples)
    if samples.dtype == np.complex64:
        parts = samples.view(np.float32).view(np.uint32).astype(np.uint64)
        parts = parts.reshape(samples.shape + (2,))
        return parts[..., 0] << np.uint64(32) | parts[..., 1]
    if samples.dtype.kind == "f":
        return samples.view(f"u{samples.dtype.itemsize}").astype(np.uint64)
    return samples.astype(np.int64).view(np.uint64) if samples.dtype.kind == "i" \
        else samples.astype(np.uint64)


def pack(samples, bits):
    """Samples one after the other without regard to bytes, filled up to whole bytes at the end."""
    values = bits_of(samples).ravel()
    if bits in (8, 16, 32, 64):
        return values.astype(f">u{bits // 8}").tobytes() if bits > 8 \
            else values.astype(np.uint8).tobytes()
    places = np.arange(bits - 1, -1, -1, dtype=np.uint64)
    return np.packbits((values[:, None] >> places & np.uint64(1)).astype(np.uint8)).tobytes()


def cells(pixels, block, grid, fill):
    """Every block in full size; what lies beyond the image comes from `fill`."""
    bands, height, width = pixels.shape
    for row in range(grid[1]):
        for col in range(grid[0]):
            cell = fill((bands, block[1], block[0]))
            part = pixels[:, row * block[1]:(row + 1) * block[1],
                          col * block[0]:(col + 1) * block[0]]
            cell[:, :part.shape[1], :part.shape[2]] = part
            yield row * grid[0] + col, cell


def chunks(pixels, bits, mode, block, grid, fill, jpeg=None):
    """The stored pieces by entry of the mask table."""
    count = grid[0] * grid[1]
    found = {}
    for index, cell in cells(pixels, block, grid, fill):
        if jpeg and mode == "P":
            found[index] = jpeg(cell)
        elif jpeg and mode == "B":
            found[index] = b"".join(jpeg(band[None]) for band in cell)
        elif mode == "B":
            found[index] = b"".join(pack(band, bits) for band in cell)
        elif mode == "P":
            found[index] = pack(cell.transpose(1, 2, 0), bits)
        elif mode == "R":
            found[index] = pack(cell.transpose(1, 0, 2), bits)
        else:
            for band, plane in enumerate(cell):
                found[band * count + index] = jpeg(plane[None]) if jpeg else pack(plane, bits)
    return found


def mask_table(pieces, absent, pad=None, pad_mask=False, offsets=True, gap=0, left=False):
    """The mask table and the data behind it."""
    entries = sorted(pieces)
    starts, data = [], b""
    for entry in entries:
        if entry in absent:
            starts.append(ABSENT)
        else:
            starts.append(len(data))
            data += pieces[entry]
    code, code_bits = b"", 0
    if pad is not None:
        value, code_bits = pad
        length = (code_bits + 7) // 8
        code = (value << (length * 8 - code_bits if left else 0)).to_bytes(length, "big")
    table = code
    if offsets:
        table += struct.pack(f">{len(starts)}I", *starts)
    if pad_mask:
        table += struct.pack(f">{len(starts)}I", *(ABSENT for _ in starts))
    table += bytes(gap)
    head = struct.pack(">IHHH", 10 + len(table), 4 * offsets, 4 * pad_mask, code_bits)
    return head + table + data


def security(event):
    """All of it but the first field; NITF 2.0 may have one more behind."""
    return text("", 160) + (b"999998" + text("when it rains", 40) if event else text("", 6))


def segment(data, size, bands, pvtype, nbpp, block, grid, imode="B", ic="NC", abpp=None,
            irep="MULTI", irepband=None, luts=None, pjust="R", icat="VIS", tres=b"", overflow=0,
            comments=(), icords=" ", iid1="seg", comrat="75.0", isubcat=None, changed=None, old=False,
            event=False):
    """The subheader of an image, and its data, of NITF 2.0 if `old`, with a field more of security if `event`. `changed`
    replaces fields by hostile ones."""
    fields = [
        ("IM", b"IM"), ("IID1", text(iid1, 10)), ("IDATIM", text("20200102030405", 14)),
        ("TGTID", text("", 17)), ("IID2", text("second name", 80)), ("ISCLAS", b"U"),
        ("security", security(event)), ("ENCRYP", b"0"), ("ISORCE", text("source", 42)),
        ("NROWS", number(size[1], 8)), ("NCOLS", number(size[0], 8)), ("PVTYPE", text(pvtype, 3)),
        ("IREP", text(irep, 8)), ("ICAT", text(icat, 8)), ("ABPP", number(abpp or nbpp, 2)),
        ("PJUST", text(pjust, 1)), ("ICORDS", text("N" if old and icords == " " else icords, 1)),
        ("IGEOLO", text("x" * 60, 60) if icords != " " else b""),
        ("NICOM", number(len(comments), 1)),
        ("ICOM", b"".join(text(comment, 80) for comment in comments)),
        ("IC", text(ic, 2)), ("COMRAT", b"" if ic in ("NC", "NM") else text(comrat, 4)),
        ("NBANDS", number(bands if bands < 10 else 0, 1)),
        ("XBANDS", number(bands, 5) if bands > 9 else b""),
    ]
    for band in range(bands):
        tables = (luts or {}).get(band, [])
        shown = irepband[band] if irepband else ""
        means = isubcat[band] if isubcat else f"SUB{band % 100}"
        body = text(shown, 2) + text(means, 6) + b"N" + text("", 3)
        body += number(len(tables), 1)
        if tables:
            body += number(len(tables[0]), 5) + b"".join(bytes(table) for table in tables)
        fields.append((f"band{band}", body))
    fields += [
        ("ISYNC", b"0"), ("IMODE", text(imode, 1)), ("NBPR", number(grid[0], 4)),
        ("NBPC", number(grid[1], 4)),
        ("NPPBH", number(0 if block[0] > 8192 else block[0], 4)),
        ("NPPBV", number(0 if block[1] > 8192 else block[1], 4)),
        ("NBPP", number(nbpp, 2)), ("IDLVL", b"001"), ("IALVL", b"000"),
        ("ILOC", b"0000000000"), ("IMAG", text("1.0", 4)), ("UDIDL", b"00000"),
    ]
    if tres or overflow:
        fields += [("IXSHDL", number(len(tres) + 3, 5)), ("IXSOFL", number(overflow, 3)),
                   ("IXSHD", tres)]
    else:
        fields.append(("IXSHDL", b"00000"))
    changed = changed or {}
    assert all(name in dict(fields) for name in changed), changed
    return b"".join(changed.get(name, value) for name, value in fields), data


def image(pixels, nbpp, block=None, grid=None, pvtype="INT", imode="B", absent=None, pad=None,
          pad_mask=False, offsets=True, gap=0, seed=1, jpeg=None, ic=None, **more):
    """An image segment with given pixels; masked if `absent` is a set of entries."""
    bands, height, width = pixels.shape
    block = block or (width, height)
    grid = grid or (-(-width // block[0]), -(-height // block[1]))
    random = np.random.default_rng(seed)

    def fill(shape):
        if pixels.dtype.kind == "c":
            return random.normal(size=shape).astype(pixels.dtype)
        if pixels.dtype.kind == "f":
            return random.normal(size=shape).astype(pixels.dtype)
        return random.integers(0, 1 << min(nbpp - (pvtype == "SI"), 62), shape).astype(pixels.dtype)

    pieces = chunks(pixels, nbpp, imode, block, grid, fill, jpeg)
    masked = absent is not None
    if masked:
        left = more.get("pjust") == "L"
        data = mask_table(pieces, absent, pad, pad_mask, offsets, gap, left)
    else:
        data = b"".join(pieces[entry] for entry in sorted(pieces))
    ic = ic or (("M3" if masked else "C3") if jpeg else ("NM" if masked else "NC"))
    return segment(data, (width, height), bands, pvtype, nbpp, block, grid, imode, ic, **more)


def tre(name, data):
    return text(name, 6) + number(len(data), 5) + data


def overflow_segment(tres):
    """A data extension segment with tagged extensions for which a header had no room."""
    head = b"DE" + text("TRE_OVERFLOW", 25) + b"01" + b"U" + text("", 166)
    return head + text("IXSHD", 6) + b"001" + b"0000", tres


def xml_segment(xml):
    """A data extension segment with a text, whose subheader says nothing more of it."""
    return b"DE" + text("XML_DATA_CONTENT", 25) + b"01" + b"U" + text("", 166) + b"0000", xml


def nitf(path, segments, extensions=(), version="NITF02.10", tres=b"", changed=None, old=False, event=False):
    """A whole file, of NITF 2.0 if `old`; a text segment, a graphic and a label stand between images and extensions."""
    graphics, texts = [(b"SY" + bytes(256), b"graphic")], [(b"TE" + bytes(280), b"some text")]
    labels = [(b"LA" + bytes(320), b"label")] if old else []
    changed = changed or {}

    def lengths(listed, first, second):
        return b"".join(number(len(head), first) + number(len(data), second)
                        for head, data in listed)

    behind = [
        ("NUMI", number(len(segments), 3)), ("images", lengths(segments, 6, 10)),
        ("NUMS", number(len(graphics), 3)), ("graphics", lengths(graphics, 4, 6)),
        ("NUMX", number(len(labels), 3)), ("labels", lengths(labels, 4, 3)), ("NUMT", number(len(texts), 3)), ("texts", lengths(texts, 4, 5)),
        ("NUMDES", number(len(extensions), 3)), ("extensions", lengths(extensions, 4, 9)),
        ("NUMRES", b"000"), ("UDHDL", b"00000"),
        ("XHDL", number(len(tres) + 3, 5) + b"000" + tres if tres else b"00000"),
    ]
    before = [
        ("FHDR", b"NITF02.00" if old else version.encode()), ("CLEVEL", b"05"), ("STYPE", b"BF01"),
        ("OSTAID", text("station", 10)), ("FDT", b"20200102030405"),
        ("FTITLE", text("a title", 80)), ("FSCLAS", b"U"), ("security", security(event)),
        ("FSCOP", b"00000"), ("FSCPYS", b"00000"), ("ENCRYP", b"0"), ("FBKGC", b"" if old else bytes([1, 20, 255])),
        ("ONAME", text("name", 27 if old else 24)), ("OPHONE", text("", 18)),
    ]
    all_fields = dict(before + behind)
    assert all(name in all_fields or name in ("FL", "HL") for name in changed), changed
    value = lambda field: changed.get(field[0], field[1])
    tail = b"".join(map(value, behind))
    start = b"".join(map(value, before))
    header = len(start) + 18 + len(tail)
    body = b"".join(head + data for head, data in [*segments, *graphics, *labels, *texts, *extensions])
    start += changed.get("FL", number(header + len(body), 12))
    start += changed.get("HL", number(header, 6))
    with open(path, "wb") as out:
        out.write(start + tail + body)
