// Attention on AMX's tiles, with AVX-512 beside them.
#include "kernels/attention/attention_tiles_code.h"

namespace lasso::kernels::streaming {

const Entry kAmxBf16 = tile_entry<AmxTiles, Avx512>();

}  // namespace lasso::kernels::streaming
