package tilecache

// #include "bridge.h"
import "C"

import (
	"context"
	"io"
	"log/slog"
	"reflect"
	"runtime"
	"runtime/cgo"
	"slices"
	"strings"
	"time"
	"unsafe"
)

// Option is an option of a call, named as the member of the struct of C is. Each call says which it takes; another one
// is an error. What no option says has the default of the library.
type Option struct {
	name string
	set  func(*settings)
}

type settings struct {
	flags, unreadPercent, threads, layers, filter, order      uint32
	layout, compression, predictor, effort, quality, maxOpen  uint32
	viewLimit, maxInFlight                                    uint64
	image, levels, level, factor, width, height, bits, bandsN int
	tileWidth, tileHeight, sourceLevel, period                int
	maxError, scaleX, scaleY                                  float64
	low, high, lowPercent, highPercent, gamma                 float64
	padEdges, fixedLevel, direct                              bool
	key, name, format, fleetID                                string
	bands                                                     []int
	percents                                                  []float64
	dtype                                                     DType
	pad, fill                                                 *Value
	info                                                      *ImageInfo
	bandInfos                                                 []BandInfo
	texts                                                     []Text
	tiles                                                     [][2]int
	stats                                                     *PixelStats
	progress                                                  func(float64)
	beside                                                    func(suffix string) (io.ReaderAt, int64, error)
	openPart                                                  func(ctx context.Context, part int) (*Provider, error)
	release                                                   func()
	log                                                       *slog.Logger
	slow                                                      time.Duration
}

// gather is what options say, of those that a call takes; flags are those of the type of `flags`.
func gather(call string, options []Option, flags any, takes ...string) (*settings, error) {
	s := new(settings)
	for _, option := range options {
		if kind, is := strings.CutPrefix(option.name, "Flags of "); is {
			if flags == nil || kind != reflect.TypeOf(flags).Name() {
				return nil, invalid("%s takes no flags of %s", call, kind)
			}
		} else if option.set == nil || !slices.Contains(takes, option.name) {
			return nil, invalid("%s takes no option %q, but %s", call, option.name, strings.Join(takes, ", "))
		}
		option.set(s)
	}
	return s, nil
}

// WithFlags sets flags, of the type that the call says.
func WithFlags[F ~uint32](flags F) Option {
	return Option{"Flags of " + reflect.TypeFor[F]().Name(), func(s *settings) { s.flags |= uint32(flags) }}
}

// WithBands says which bands, in which order.
func WithBands(bands ...int) Option {
	return Option{"Bands", func(s *settings) { s.bands = slices.Clone(bands) }}
}

// WithBandCount says how many bands the output of a map has.
func WithBandCount(n int) Option { return Option{"BandCount", func(s *settings) { s.bandsN = n }} }

// WithImage says which image of a file, from 0.
func WithImage(n int) Option { return Option{"Image", func(s *settings) { s.image = n }} }

// WithKey says what the key of the image begins with. Two images may share it only if they have the same pixels.
func WithKey(key string) Option { return Option{"Key", func(s *settings) { s.key = key }} }

// WithName names a function of yours in keys: of the same name over the same inputs come the same pixels.
func WithName(name string) Option { return Option{"Name", func(s *settings) { s.name = name }} }

// WithFleetID says what a file is called on all machines that share another tier.
func WithFleetID(id string) Option { return Option{"FleetID", func(s *settings) { s.fleetID = id }} }

// WithFormat says the only format that a file may have, such as "TIFF".
func WithFormat(name string) Option { return Option{"Format", func(s *settings) { s.format = name }} }

// WithBeside opens files that lie beside the one that is opened, see tc_open_options.open_beside: a reader of so many
// bytes, or an error that is fs.ErrNotExist if there is none. A reader that is an io.Closer is closed in the end.
func WithBeside(open func(suffix string) (io.ReaderAt, int64, error)) Option {
	return Option{"Beside", func(s *settings) { s.beside = open }}
}

// WithTileSize says the size of tiles.
func WithTileSize(width, height int) Option {
	return Option{"TileSize", func(s *settings) { s.tileWidth, s.tileHeight = width, height }}
}

// WithPadEdges fills tiles at the right and bottom edge up to full size.
func WithPadEdges() Option { return Option{"PadEdges", func(s *settings) { s.padEdges = true }} }

// WithFilter says how several pixels become one.
func WithFilter(f Filter) Option { return Option{"Filter", func(s *settings) { s.filter = uint32(f) }} }

// WithLevels says how many levels there are.
func WithLevels(n int) Option { return Option{"Levels", func(s *settings) { s.levels = n }} }

// WithLevel says which level.
func WithLevel(n int) Option { return Option{"Level", func(s *settings) { s.level = n }} }

// WithFactor says how many pixels along a side become one.
func WithFactor(n int) Option { return Option{"Factor", func(s *settings) { s.factor = n }} }

// WithSize says the size of the output.
func WithSize(width, height int) Option {
	return Option{"Size", func(s *settings) { s.width, s.height = width, height }}
}

// WithSourceLevel has a warp read this level of the source for all pixels.
func WithSourceLevel(n int) Option {
	return Option{"SourceLevel", func(s *settings) { s.sourceLevel, s.fixedLevel = n, true }}
}

// WithMaxError says how far positions of a warp may be off, in pixels.
func WithMaxError(pixels float64) Option {
	return Option{"MaxError", func(s *settings) { s.maxError = pixels }}
}

// WithScale says how many columns and rows of the source a pixel of a warp stands for.
func WithScale(x, y float64) Option {
	return Option{"Scale", func(s *settings) { s.scaleX, s.scaleY = x, y }}
}

// WithPeriod says after how many columns the source of a warp begins again.
func WithPeriod(columns int) Option {
	return Option{"Period", func(s *settings) { s.period = columns }}
}

// WithLayers says how many quality layers of a JPEG 2000 image are decoded; 0 is all.
func WithLayers(n int) Option {
	return Option{"Layers", func(s *settings) { s.layers = unsigned(n) }}
}

// WithThreads says how many threads may work at once.
func WithThreads(n int) Option {
	return Option{"Threads", func(s *settings) { s.threads = unsigned(n) }}
}

// WithProgress hears from 0 to 1 how much of a long call is done.
func WithProgress(hear func(done float64)) Option {
	return Option{"Progress", func(s *settings) { s.progress = hear }}
}

// WithPercents says which percentiles are made exact.
func WithPercents(percents ...float64) Option {
	return Option{"Percents", func(s *settings) { s.percents = slices.Clone(percents) }}
}

// WithUnreadPercent says how much of a cache tiles may take that nobody has read yet.
func WithUnreadPercent(percent int) Option {
	return Option{"UnreadPercent", func(s *settings) { s.unreadPercent = unsigned(percent) }}
}

// WithViewLimit says the bytes of the largest block of which retiled tiles are views.
func WithViewLimit(bytes uint64) Option {
	return Option{"ViewLimit", func(s *settings) { s.viewLimit = bytes }}
}

// WithMaxInFlight says the most bytes that loads may have in flight together.
func WithMaxInFlight(bytes uint64) Option {
	return Option{"MaxInFlight", func(s *settings) { s.maxInFlight = bytes }}
}

// WithDType says the sample type of the output.
func WithDType(d DType) Option { return Option{"DType", func(s *settings) { s.dtype = d }} }

// WithBits says how many bits of a sample are significant.
func WithBits(n int) Option { return Option{"Bits", func(s *settings) { s.bits = n }} }

// WithPad says the pad value of the output, a sample of its type.
func WithPad(v Value) Option { return Option{"Pad", func(s *settings) { s.pad = &v }} }

// WithFill says what a reader's windows have outside the image.
func WithFill(v Value) Option { return Option{"Fill", func(s *settings) { s.fill = &v }} }

// WithInfo says what the output is.
func WithInfo(info ImageInfo) Option { return Option{"Info", func(s *settings) { s.info = &info }} }

// WithBandInfos says what the bands of the output are.
func WithBandInfos(infos ...BandInfo) Option {
	return Option{"BandInfos", func(s *settings) { s.bandInfos = slices.Clone(infos) }}
}

// WithTexts adds texts to the output.
func WithTexts(texts ...Text) Option {
	return Option{"Texts", func(s *settings) { s.texts = slices.Clone(texts) }}
}

// WithDirect gives a function of yours the pixels of the library themselves instead of copies in memory of Go. It must
// not keep slices of them, nor let others use them, after it has returned.
func WithDirect() Option { return Option{"Direct", func(s *settings) { s.direct = true }} }

// WithRelease is called on a goroutine of its own when the library needs a function of yours no more.
func WithRelease(f func()) Option { return Option{"Release", func(s *settings) { s.release = f }} }

// WithLimits says the samples that become the least and the greatest value of the output.
func WithLimits(low, high float64) Option {
	return Option{"Limits", func(s *settings) { s.low, s.high = low, high }}
}

// WithPercentiles says the percentiles that do instead of limits, by statistics.
func WithPercentiles(low, high float64, stats *PixelStats) Option {
	return Option{"Percentiles", func(s *settings) { s.lowPercent, s.highPercent, s.stats = low, high, stats }}
}

// WithGamma raises values to 1 / gamma.
func WithGamma(gamma float64) Option { return Option{"Gamma", func(s *settings) { s.gamma = gamma }} }

// WithLayout says how levels lie in a file.
func WithLayout(l BuildLayout) Option {
	return Option{"Layout", func(s *settings) { s.layout = uint32(l) }}
}

// WithCompression says how tiles of a file are compressed.
func WithCompression(c BuildCompression) Option {
	return Option{"Compression", func(s *settings) { s.compression = uint32(c) }}
}

// WithPredictor says what is stored instead of samples.
func WithPredictor(p BuildPredictor) Option {
	return Option{"Predictor", func(s *settings) { s.predictor = uint32(p) }}
}

// WithEffort says how hard deflate or zstd tries.
func WithEffort(n int) Option { return Option{"Effort", func(s *settings) { s.effort = unsigned(n) }} }

// WithQuality says the quality of JPEG.
func WithQuality(n int) Option {
	return Option{"Quality", func(s *settings) { s.quality = unsigned(n) }}
}

// WithOrder says the order of a pass.
func WithOrder(o PassOrder) Option { return Option{"Order", func(s *settings) { s.order = uint32(o) }} }

// WithTiles lists the tiles of a pass, each a row and a column.
func WithTiles(tiles ...[2]int) Option {
	return Option{"Tiles", func(s *settings) { s.tiles = slices.Clone(tiles) }}
}

// WithOpenPart opens the parts of a mosaic that have no provider, when they are first touched. The provider may be closed
// once it was returned.
func WithOpenPart(open func(ctx context.Context, part int) (*Provider, error)) Option {
	return Option{"OpenPart", func(s *settings) { s.openPart = open }}
}

// WithMaxOpen says how many parts of a mosaic stay open.
func WithMaxOpen(n int) Option {
	return Option{"MaxOpen", func(s *settings) { s.maxOpen = unsigned(n) }}
}

// unsigned is a number as the library takes it; one that it cannot take is the greatest, which it refuses.
func unsigned(n int) uint32 {
	if n != int(uint32(n)) {
		return ^uint32(0)
	}
	return uint32(n)
}

// scratch is memory of C for the arguments of a call.
type scratch struct {
	pins runtime.Pinner
	free []unsafe.Pointer
	// forgotten are functions of yours that the library does not need after the call; nobody hears of their end.
	forgotten []unsafe.Pointer
}

func (m *scratch) done() {
	m.pins.Unpin()
	for _, memory := range m.free {
		C.free(memory)
	}
	for _, user := range m.forgotten {
		cgo.Handle((*C.tcgo_user)(user).handle).Delete()
		C.free(user)
	}
}

// text is a string, NULL if it is empty.
func (m *scratch) text(what, s string) (*C.char, error) {
	if s == "" {
		return nil, nil
	}
	return m.always(what, s)
}

func (m *scratch) always(what, s string) (*C.char, error) {
	text, err := cString(what, s)
	if err == nil {
		m.free = append(m.free, unsafe.Pointer(text))
	}
	return text, err
}

// cString is a string for C, which ends at the first byte of 0.
func cString(what, s string) (*C.char, error) {
	if at := strings.IndexByte(s, 0); at >= 0 {
		return nil, invalid("%s has a byte of 0 at %d", what, at)
	}
	return C.CString(s), nil
}

func (m *scratch) bands(bands []int) (*C.int32_t, C.size_t, error) {
	list, n, err := bandList(bands)
	if list != nil {
		m.pins.Pin(list)
	}
	return list, n, err
}

// pinned is a slice for a struct of C.
func pinned[T any](m *scratch, list []T) (*T, C.size_t) {
	if len(list) == 0 {
		return nil, 0
	}
	m.pins.Pin(&list[0])
	return &list[0], C.size_t(len(list))
}

func (m *scratch) bandInfos(infos []BandInfo) *C.tc_band_info {
	list := make([]C.tc_band_info, len(infos))
	for i, info := range infos {
		list[i] = C.tc_band_info{struct_size: C.sizeof_tc_band_info, colour: C.tc_colour(info.Colour)}
		if info.Nodata != nil {
			list[i].flags, list[i].nodata = C.TC_BAND_HAS_NODATA, info.Nodata.toC()
		}
	}
	first, _ := pinned(m, list)
	return first
}

func (m *scratch) texts(texts []Text) (*C.tc_text, C.size_t, error) {
	list := make([]C.tc_text, len(texts))
	for i, text := range texts {
		var err error
		if list[i].band, err = narrow("the band of a text", text.Band); err != nil {
			return nil, 0, err
		}
		if list[i].name, err = m.always("the name of a text", text.Name); err != nil {
			return nil, 0, err
		}
		if list[i].text, err = m.always("a text", text.Text); err != nil {
			return nil, 0, err
		}
	}
	first, n := pinned(m, list)
	return first, n, nil
}
