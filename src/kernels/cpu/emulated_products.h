// The products of tile_product.h on emulated tiles, for tests.
#ifndef LASSO_KERNELS_CPU_EMULATED_PRODUCTS_H_
#define LASSO_KERNELS_CPU_EMULATED_PRODUCTS_H_

#include "kernels/cpu/emulated_tiles.h"
#include "kernels/cpu/tile_product_code.h"

namespace lasso::kernels {

inline constexpr TileIsa kEmulatedBf16 = bf16_tiles<EmulatedTiles, Avx2>();
inline constexpr TileIsa kEmulatedInt8 = byte_tiles<EmulatedTiles, Avx2>();

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_CPU_EMULATED_PRODUCTS_H_
