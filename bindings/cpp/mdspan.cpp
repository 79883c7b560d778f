// Views as std::mdspan, where the library has it. mdspan scene.tif
#include "check.hpp"

#if !defined(__cpp_lib_mdspan)
#error "this standard library has no mdspan"
#endif

static uint16_t at(std::mdspan<const uint16_t, std::dextents<int64_t, 3>, std::layout_stride> samples)
{
    return samples[1, 3, 2];
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    auto file = tilecache::open(argv[1]);
    auto tile = file.get_block(0, 0).view<uint16_t>();
    CHECK(at(tile) == 2 * 2 + 3 * 3);
    CHECK(tile.mdspan().data_handle() == tile.data() && tile.mdspan().extent(0) == 3);
    std::vector<uint16_t> transposed(4 * 5);
    const tilecache::View<uint16_t> view(transposed.data(), 1, 4, 5, 20, 1, 4);
    file.read_window(1, 1, 0, view, {0});
    CHECK((view.mdspan()[0, 2, 4] == transposed[2 + 4 * 4]) && transposed[2 + 4 * 4] == 5 + 3 * 3);
    return 0;
}
