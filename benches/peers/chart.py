"""Charts as SVG: bars of how long each took, and lines of what a call costs."""
import html
import math

FONT = "'Source Sans 3','Open Sans','DejaVu Sans',Helvetica,Arial,sans-serif"
INK, GREY, RULE = "#1f2933", "#7b8794", "#e4e7eb"
COLOURS = {"ours": "#d9480f", "floor": "#cbd2d9", "gdal": "#3e7cb1", "gdal newer": "#81a4cd", "openimageio": "#6a994e",
           "vips": "#a48bb8"}


def _text(x, y, text, size=13, colour=INK, anchor="start", weight=400):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}" '
            f'font-weight="{weight}">{html.escape(text)}</text>')


def _line(x1, y1, x2, y2, colour=RULE, width=1.0):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}"/>'


def _picture(width, height, parts):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            f'font-family="{FONT}">\n<rect width="100%" height="100%" fill="#ffffff"/>\n' + "\n".join(parts) + "\n</svg>\n")


def bars(title, what, groups):
    """Groups of bars: each a name and its bars, each of them a peer, a mode and a ratio to ours (below 1 is faster)."""
    left, right, width = 250, 60, 900
    most = 4.0  # longer bars are cut, and say so by their number
    scale = (width - left - right) / most
    parts = [_text(24, 34, title, 19, weight=600),
             _text(24, 56, f"{what}, as a multiple of this library's; the line is this library", 13, GREY)]
    y = 84
    for name, entries in groups:
        parts.append(_text(24, y + 12, name, 13, weight=600))
        y += 20
        top = y
        for peer, mode, ratio in entries:
            length = min(ratio, most) * scale
            label = f"{peer} {mode}".strip()
            parts.append(_text(left - 8, y + 11, label, 12, INK if peer == "ours" else GREY, "end"))
            parts.append(f'<rect x="{left}" y="{y}" width="{length:.1f}" height="13" fill="{COLOURS.get(peer, GREY)}"/>')
            # Beside the line and not across it.
            end = length if not length <= scale < length + 36 else scale
            parts.append(_text(left + end + 6, y + 11, f"{ratio:.2f}", 12, GREY))
            y += 17
        parts.append(_line(left + scale, top - 3, left + scale, y, COLOURS["ours"], 1.2))
        y += 14
    return _picture(width, y + 10, parts)


def _power(number):
    exponent = round(math.log10(number))
    return f"10^{exponent}" if exponent > 3 else f"{number:,.0f}"


def lines(title, subtitle, panels):
    """Panels side by side: each a name, what lies along it, whether that is logarithmic, and lines of (name, colour, points)."""
    width, height, gap, top, bottom = 900, 360, 70, 100, 50
    each = (width - 40 - gap * len(panels)) / len(panels)
    parts = [_text(24, 34, title, 19, weight=600), _text(24, 56, subtitle, 13, GREY)]
    for number, (name, along, logarithmic, curves) in enumerate(panels):
        left = 24 + gap + number * (each + gap)
        parts.append(_text(left, top - 14, name, 13, weight=600))
        place = math.log10 if logarithmic else float
        xs = [place(x) for _, _, points in curves for x, _ in points]
        low, high = min(xs), max(xs)
        ys = [y for _, _, points in curves for _, y in points]
        first, last = math.floor(math.log10(min(ys))), math.ceil(math.log10(max(ys)))
        right, floor = left + each, height - bottom

        def at(x, y, left=left, low=low, high=high, first=first, last=last, floor=floor, place=place):
            return (left + (place(x) - low) / max(high - low, 1e-9) * each,
                    floor - (math.log10(y) - first) / max(last - first, 1) * (floor - top))

        for power in range(first, last + 1):
            y = at(curves[0][2][0][0], 10.0**power)[1]
            parts += [_line(left, y, right, y), _text(left - 6, y + 4, f"{10**power:,.0f}", 11, GREY, "end")]
        for _, colour, points in curves:
            path = " ".join("%.1f,%.1f" % at(x, y) for x, y in points)
            parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
            parts += ['<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>' % (*at(x, y), colour) for x, y in points]
        for label, colour, points in curves:
            x, y = at(*points[-1])
            parts.append(_text(x, y - 8, label, 12, colour, "end"))
        for x in sorted({x for _, _, points in curves for x, _ in points}):
            parts.append(_text(at(x, 1)[0], floor + 16, _power(x) if logarithmic else f"{x:g}", 11, GREY, "middle"))
        parts.append(_text(right, floor + 34, along, 12, GREY, "end"))
    return _picture(width, height, parts)
