#include "kernels/conv/winograd_tile.h"

namespace lasso::kernels {

void winograd_image_avx2(const WinogradImageTile& tile) { winograd_image<Avx2>(tile); }
void winograd_result_avx2(const WinogradResultTile& tile) { winograd_result<Avx2>(tile); }

}  // namespace lasso::kernels
