/* Predictor 2 of three interleaved bands of bytes, undone: running sums, of as many bytes at a time as most processors move. */
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

static void undo_predictor(uint8_t *data, size_t rows, size_t row)
{
    typedef uint8_t Vector __attribute__((vector_size(16)));
    const int lanes = sizeof(Vector), bands = 3, moves = 3;
    /* A vector is added to itself moved up by 3, 6 and 12 bytes, and then the last sums of the one before it. */
    Vector from[moves], stays[moves], last;
    for (int i = 0; i < lanes; i++) {
        for (int move = 0; move < moves; move++) {
            int by = bands << move;
            from[move][i] = i < by ? 0 : i - by, stays[move][i] = i < by ? 0 : 255;
        }
        last[i] = lanes - bands + i % bands;
    }
    for (size_t y = 0; y < rows; y++) {
        uint8_t *p = data + y * row;
        Vector before = {};
        size_t i = 0;
        for (; i + lanes <= row; i += lanes) {
            Vector sums;
            memcpy(&sums, p + i, lanes);
            for (int move = 0; move < moves; move++)
                sums += __builtin_shuffle(sums, from[move]) & stays[move];
            sums += before;
            before = __builtin_shuffle(sums, last);
            memcpy(p + i, &sums, lanes);
        }
        for (; i < row; i++)
            if (i >= bands) p[i] += p[i - bands];
    }
}
