// The products of tile_product.h by AMX, with AVX-512 beside them.
#include <immintrin.h>

#include <cstring>

#include "core/amx_tiles.h"
#include "kernels/cpu/tile_product_code.h"

namespace lasso::kernels {

namespace {

// AVX-512 whose roundings to bfloat16 are one instruction. It takes subnormals for zeros, as
// products of bfloat16 numbers do.
struct Avx512Bf16 : Avx512 {};

template <>
struct Narrow<Avx512Bf16> : Narrow<Avx512> {
  static void store_bf16(std::uint16_t* p, __m512 x) {
    const __m256bh rounded = _mm512_cvtneps_pbh(x);
    std::memcpy(p, &rounded, sizeof(rounded));
  }
};

}  // namespace

const TileIsa kAmxBf16 = bf16_tiles<AmxTiles, Avx512Bf16>();
const TileIsa kAmxInt8 = byte_tiles<AmxTiles, Avx512Bf16>();

}  // namespace lasso::kernels
