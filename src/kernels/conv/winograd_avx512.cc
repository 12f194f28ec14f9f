#include "kernels/conv/winograd_tile.h"

namespace lasso::kernels {

void winograd_image_avx512(const WinogradImageTile& tile) { winograd_image<Avx512>(tile); }
void winograd_result_avx512(const WinogradResultTile& tile) { winograd_result<Avx512>(tile); }

}  // namespace lasso::kernels
