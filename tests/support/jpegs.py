"""JPEG streams as ITU-T T.81 says them, of kinds that no encoder at hand writes: predicted samples of any depth,
and transformed ones of 12 bits. Pixels are bands, rows, columns."""

import struct

import numpy as np


def segment(marker, body):
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def bits_to_bytes(text):
    """Bits as bytes, filled up with ones, and a zero behind each byte of ones."""
    text += "1" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\0") if text else b""


def frame(marker, bits, height, width, ids):
    components = b"".join(bytes([name, 0x11, 0]) for name in ids)
    return segment(marker, struct.pack(">BHHB", bits, height, width, len(ids)) + components)


def scan(ids, tables, low, high):
    return segment(0xDA, bytes([len(ids)]) + b"".join(bytes([name, tables]) for name in ids) + bytes([low, high, 0]))


def table(kind, length, symbols):
    """A Huffman table whose codes have one length."""
    counts = [len(symbols) if n == length else 0 for n in range(1, 17)]
    return segment(0xC4, bytes([kind, *counts, *symbols]))


def code(symbols, length):
    return {symbol: format(i, f"0{length}b") for i, symbol in enumerate(symbols)}


def magnitude(value):
    """The category of a number, and its bits."""
    size = abs(value).bit_length()
    return size, format(value if value > 0 else value + (1 << size) - 1, f"0{size}b") if size else ""


def lossless(pixels, bits, predictor=1, ids=None, extra=b"", apart=False):
    """A stream of predicted samples: SOF3, in one scan or in one for each band."""
    bands, height, width = pixels.shape
    ids = ids or list(range(1, bands + 1))
    sizes = list(range(17))
    codes = code(sizes, 5)
    above = np.concatenate([np.zeros((bands, 1, width), int), pixels[:, :-1].astype(int)], 1)
    left = np.concatenate([np.zeros((bands, height, 1), int), pixels[:, :, :-1].astype(int)], 2)
    corner = np.concatenate([np.zeros((bands, height, 1), int), above[:, :, :-1]], 2)
    guess = [None, left, above, corner, left + above - corner, left + (above - corner >> 1),
             above + (left - corner >> 1), (left + above) // 2][predictor].copy()
    guess[:, 0], guess[:, 1:, 0], guess[:, 0, 0] = left[:, 0], above[:, 1:, 0], 1 << bits - 1
    difference = (pixels.astype(int) - guess + 32767) % 65536 - 32767

    def coded(difference):
        out = []
        for value in difference.ravel().tolist():
            size, text = magnitude(value)
            out.append(codes[size] + ("" if size == 16 else text))
        return bits_to_bytes("".join(out))

    head = b"\xff\xd8" + extra + frame(0xC3, bits, height, width, ids) + table(0, 5, sizes)
    if apart:
        scans = b"".join(scan([name], 0, predictor, 0) + coded(band) for name, band in zip(ids, difference))
    else:
        scans = scan(ids, 0, predictor, 0) + coded(difference.transpose(1, 2, 0))
    return head + scans + b"\xff\xd9"


def transform():
    k, n = np.mgrid[:8, :8]
    return np.where(k == 0, np.sqrt(1 / 8), np.sqrt(1 / 4)) * np.cos((2 * n + 1) * k * np.pi / 16)


def zigzag():
    def order(place):
        y, x = divmod(place, 8)
        return x + y, y if (x + y) % 2 else x
    return sorted(range(64), key=order)


def transformed(pixels, bits=12, step=3, ids=None, extra=b""):
    """A stream of transformed samples (SOF1), and the samples that it holds exactly, before they are rounded."""
    bands, height, width = pixels.shape
    ids = ids or list(range(1, bands + 1))
    rows, columns = -(-height // 8), -(-width // 8)
    padded = np.pad(pixels, ((0, 0), (0, rows * 8 - height), (0, columns * 8 - width)), "edge")
    blocks = padded.reshape(bands, rows, 8, columns, 8).transpose(0, 1, 3, 2, 4) - float(1 << bits - 1)
    matrix = transform()
    levels = np.rint(matrix @ blocks @ matrix.T / step).astype(int)
    exact = matrix.T @ (levels * step) @ matrix + (1 << bits - 1)
    exact = exact.transpose(0, 1, 3, 2, 4).reshape(padded.shape)[:, :height, :width]
    first, others = list(range(16)), [0x00, 0xF0] + [run << 4 | size for run in range(16) for size in range(1, 15)]
    first_codes, codes = code(first, 5), code(others, 8)
    order, last, out = zigzag(), [0] * bands, []
    for row in range(rows):
        for column in range(columns):
            for band in range(bands):
                values = levels[band, row, column].ravel()[order].tolist()
                size, text = magnitude(values[0] - last[band])
                last[band] = values[0]
                out.append(first_codes[size] + text)
                run = 0
                for value in values[1:]:
                    if value == 0:
                        run += 1
                        continue
                    while run > 15:
                        out.append(codes[0xF0])
                        run -= 16
                    size, text = magnitude(value)
                    out.append(codes[run << 4 | size] + text)
                    run = 0
                if run:
                    out.append(codes[0x00])
    stream = b"\xff\xd8" + extra + segment(0xDB, bytes([0] + [step] * 64)) + frame(0xC1, bits, height, width, ids)
    stream += table(0x00, 5, first) + table(0x10, 8, others) + scan(ids, 0, 0, 63)
    return stream + bits_to_bytes("".join(out)) + b"\xff\xd9", exact


def samples_of(exact, bits):
    return np.clip(np.rint(exact), 0, (1 << bits) - 1).astype(np.uint16 if bits > 8 else np.uint8)
