// cuBLASLt's matrices are column-major: a row-major y [m, n] is its [n, m], so that it is asked for
// y^T = W x^T, where W [n, k] is the transpose of a column-major [k, n]. The bias then runs along
// the columns of y^T, as its epilogue wants it.
#include "kernels/cuda/gemm.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include "backend/cuda/cuda_check.h"
#include "backend/cuda/cuda_stream.h"
#include "core/check.h"

namespace lasso::kernels::gpu {

namespace {

void check(cublasStatus_t status, const char* what) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  fail(status == CUBLAS_STATUS_ALLOC_FAILED ? ErrorCode::kOutOfMemory : ErrorCode::kDevice,
       "cuBLASLt: {} while {}", cublasLtGetStatusString(status), what);
}

// Of the current GPU, for all streams and threads. Handles live as long as the process: the driver
// may be gone before static objects are destroyed.
cublasLtHandle_t handle_of_gpu() {
  static std::mutex mutex;
  static auto* handles = new std::map<int, cublasLtHandle_t>;
  int device = 0;
  LASSO_CUDA_CHECK(cudaGetDevice(&device));
  const std::lock_guard lock(mutex);
  cublasLtHandle_t& handle = (*handles)[device];
  if (handle == nullptr) check(cublasLtCreate(&handle), "starting");
  return handle;
}

cudaDataType_t data_type(DType dtype) {
  if (dtype == DType::kBF16) return CUDA_R_16BF;
  return dtype == DType::kF16 ? CUDA_R_16F : CUDA_R_32F;
}

cublasComputeType_t compute_type(const GemmProblem& p) {
  return p.tf32 && p.type == DType::kF32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
}

cublasLtEpilogue_t epilogue(const GemmProblem& p) {
  if (p.activation == graph::Activation::kGelu) {
    return p.bias ? CUBLASLT_EPILOGUE_GELU_BIAS : CUBLASLT_EPILOGUE_GELU;
  }
  if (p.activation == graph::Activation::kRelu) {
    return p.bias ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_RELU;
  }
  return p.bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
}

template <typename T>
void set(cublasLtMatmulDescOpaque_t& product, cublasLtMatmulDescAttributes_t attribute, T value) {
  check(cublasLtMatmulDescSetAttribute(&product, attribute, &value, sizeof(value)),
        "describing a product");
}

template <typename T>
void set(cublasLtMatmulPreferenceOpaque_t& preference,
         cublasLtMatmulPreferenceAttributes_t attribute, T value) {
  check(cublasLtMatmulPreferenceSetAttribute(&preference, attribute, &value, sizeof(value)),
        "describing a preference");
}

// A column-major matrix, of which `batch` lie `stride` elements apart.
void describe(cublasLtMatrixLayoutOpaque_t& layout, DType dtype, std::int64_t rows,
              std::int64_t columns, std::int64_t batch, std::int64_t stride) {
  constexpr const char* kWhat = "describing a matrix";
  check(cublasLtMatrixLayoutInit(&layout, data_type(dtype), static_cast<std::uint64_t>(rows),
                                 static_cast<std::uint64_t>(columns), rows),
        kWhat);
  if (batch == 1) return;
  const auto count = static_cast<std::int32_t>(batch);
  check(cublasLtMatrixLayoutSetAttribute(&layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count,
                                         sizeof(count)),
        kWhat);
  check(cublasLtMatrixLayoutSetAttribute(&layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET,
                                         &stride, sizeof(stride)),
        kWhat);
}

// Parts of k are added up from float32 sums in a fixed order.
constexpr std::uint32_t kReductions = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;

constexpr int kCandidates = 12;             // algorithms that are timed
constexpr std::size_t kFullAlignment = 16;  // more is of no use to an algorithm

// Attributes that an algorithm does not have, and those that it leaves open, are 0.
template <typename T>
T get(const cublasLtMatmulAlgo_t& algorithm, cublasLtMatmulAlgoConfigAttributes_t attribute) {
  T value = 0;
  std::size_t written = 0;
  const cublasStatus_t status =
      cublasLtMatmulAlgoConfigGetAttribute(&algorithm, attribute, &value, sizeof(value), &written);
  return status == CUBLAS_STATUS_SUCCESS ? value : T{0};
}

template <typename T>
bool set(cublasLtMatmulAlgo_t& algorithm, cublasLtMatmulAlgoConfigAttributes_t attribute, T value) {
  return value == 0 || cublasLtMatmulAlgoConfigSetAttribute(&algorithm, attribute, &value,
                                                            sizeof(value)) == CUBLAS_STATUS_SUCCESS;
}

GemmAlgorithm attributes(const cublasLtMatmulAlgo_t& algorithm) {
  return {
      .id = get<std::int32_t>(algorithm, CUBLASLT_ALGO_CONFIG_ID),
      .tile = get<std::uint32_t>(algorithm, CUBLASLT_ALGO_CONFIG_TILE_ID),
      .stages = get<std::uint32_t>(algorithm, CUBLASLT_ALGO_CONFIG_STAGES_ID),
      .splits = get<std::int32_t>(algorithm, CUBLASLT_ALGO_CONFIG_SPLITK_NUM),
      .reduction = get<std::uint32_t>(algorithm, CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME),
      .swizzle = get<std::uint32_t>(algorithm, CUBLASLT_ALGO_CONFIG_CTA_SWIZZLING),
      .custom = get<std::uint32_t>(algorithm, CUBLASLT_ALGO_CONFIG_CUSTOM_OPTION),
      .inner_shape = get<std::uint16_t>(algorithm, CUBLASLT_ALGO_CONFIG_INNER_SHAPE_ID),
      .cluster_shape = get<std::uint16_t>(algorithm, CUBLASLT_ALGO_CONFIG_CLUSTER_SHAPE_ID),
  };
}

}  // namespace

bool has_epilogue(graph::Activation activation, bool residual, DType output) {
  if (residual) return activation == graph::Activation::kNone && output == DType::kF32;
  switch (activation) {
    case graph::Activation::kNone:
    case graph::Activation::kRelu:
      return true;
    case graph::Activation::kGelu:
      return output != DType::kF32;
    default:
      return false;
  }
}

Gemm::Gemm(const GemmProblem& p) : problem_(p), handle_(handle_of_gpu()) {
  LASSO_CHECK(has_epilogue(p.activation, p.residual, p.output) &&
                  (p.output == DType::kF32 || p.output == p.type) && p.batch <= INT32_MAX,
              ErrorCode::kInternal, "gemm: {} to {}", to_string(p.type), to_string(p.output));
  check(cublasLtMatmulDescInit(&product_, compute_type(p), CUDA_R_32F), "describing a product");
  set(product_, CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T);
  set(product_, CUBLASLT_MATMUL_DESC_TRANSB, CUBLAS_OP_N);
  set(product_, CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue(p));
  if (p.bias) set(product_, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, data_type(p.output));
  describe(w_, p.type, p.k, p.n, p.batch, p.w_stride);
  describe(x_, p.type, p.k, p.m, p.batch, p.x_stride);
  describe(y_, p.output, p.n, p.m, p.batch, p.y_stride);
}

std::vector<cublasLtMatmulHeuristicResult_t> Gemm::ask(int count) {
  cublasLtMatmulPreferenceOpaque_t preference = {};
  check(cublasLtMatmulPreferenceInit(&preference), "describing a preference");
  const auto alignment = static_cast<std::uint32_t>(problem_.alignment);
  set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
      static_cast<std::uint64_t>(problem_.workspace_bytes));
  set(preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, kReductions);
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment);
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment);
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment);
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment);
  std::vector<cublasLtMatmulHeuristicResult_t> results(static_cast<std::size_t>(count));
  int found = 0;
  const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
      handle_, &product_, &w_, &x_, &y_, &y_, &preference, count, results.data(), &found);
  // Both are said of products that it does not have.
  if (status == CUBLAS_STATUS_NOT_SUPPORTED || status == CUBLAS_STATUS_INVALID_VALUE) return {};
  check(status, "choosing an algorithm");
  results.resize(static_cast<std::size_t>(found));
  std::erase_if(results, [](const auto& result) { return result.state != CUBLAS_STATUS_SUCCESS; });
  return results;
}

bool Gemm::use(const GemmAlgorithm& a) {
  if (!a.adds_up() || (a.reduction & ~kReductions) != 0) return false;
  const cudaDataType_t type = data_type(problem_.type);
  const cudaDataType_t output = data_type(problem_.output);
  cublasLtMatmulAlgo_t algorithm = {};
  if (cublasLtMatmulAlgoInit(handle_, compute_type(problem_), CUDA_R_32F, type, type, output,
                             output, a.id, &algorithm) != CUBLAS_STATUS_SUCCESS) {
    return false;
  }
  if (!set(algorithm, CUBLASLT_ALGO_CONFIG_TILE_ID, a.tile) ||
      !set(algorithm, CUBLASLT_ALGO_CONFIG_STAGES_ID, a.stages) ||
      !set(algorithm, CUBLASLT_ALGO_CONFIG_SPLITK_NUM, a.splits) ||
      !set(algorithm, CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME, a.reduction) ||
      !set(algorithm, CUBLASLT_ALGO_CONFIG_CTA_SWIZZLING, a.swizzle) ||
      !set(algorithm, CUBLASLT_ALGO_CONFIG_CUSTOM_OPTION, a.custom) ||
      !set(algorithm, CUBLASLT_ALGO_CONFIG_INNER_SHAPE_ID, a.inner_shape) ||
      !set(algorithm, CUBLASLT_ALGO_CONFIG_CLUSTER_SHAPE_ID, a.cluster_shape)) {
    return false;
  }
  cublasLtMatmulHeuristicResult_t result = {};
  if (cublasLtMatmulAlgoCheck(handle_, &product_, &w_, &x_, &y_, &y_, &algorithm, &result) !=
          CUBLAS_STATUS_SUCCESS ||
      result.state != CUBLAS_STATUS_SUCCESS || result.workspaceSize > problem_.workspace_bytes) {
    return false;
  }
  algorithm_ = algorithm;
  return true;
}

bool Gemm::is_candidate(const GemmAlgorithm& algorithm) {
  const auto results = ask(kCandidates);
  return std::any_of(results.begin(), results.end(),
                     [&](const auto& result) { return attributes(result.algo) == algorithm; });
}

std::optional<Gemm> Gemm::make(const GemmProblem& p, const GemmAlgorithm* algorithm) {
  if (p.m == 0 || p.n == 0 || p.k == 0 || p.batch == 0) return std::nullopt;
  Gemm gemm(p);
  if (algorithm != nullptr) {
    // The check of an algorithm knows nothing of the pointers' alignment; the heuristic does.
    const bool fits = p.alignment >= kFullAlignment || gemm.is_candidate(*algorithm);
    if (fits && gemm.use(*algorithm)) return gemm;
  }
  const auto results = gemm.ask(1);
  if (results.empty()) return std::nullopt;
  gemm.algorithm_ = results.front().algo;
  return gemm;
}

std::vector<GemmAlgorithm> Gemm::candidates(const GemmProblem& p, int count) {
  std::vector<GemmAlgorithm> list;
  if (p.m == 0 || p.n == 0 || p.k == 0 || p.batch == 0) return list;
  Gemm gemm(p);
  for (const auto& result : gemm.ask(count)) {
    const GemmAlgorithm algorithm = attributes(result.algo);
    if (gemm.use(algorithm)) list.push_back(algorithm);
  }
  return list;
}

std::vector<std::string> Gemm::tunings(const GemmProblem& p) {
  std::vector<std::string> texts;
  const std::optional<Gemm> usual = make(p);
  if (!usual) return texts;
  for (const GemmAlgorithm& algorithm : candidates(p, kCandidates)) {
    // One with an attribute below 0, such as parts of k that are left to cuBLASLt, has no text.
    const std::string text = algorithm.text();
    const bool is_stored = GemmAlgorithm::parse(text) == algorithm;
    if (is_stored && algorithm != usual->algorithm()) texts.push_back(text);
  }
  return texts;
}

std::optional<Gemm> Gemm::tuned(const GemmProblem& p, const std::string& tuning) {
  const std::optional<GemmAlgorithm> algorithm = GemmAlgorithm::parse(tuning);
  return make(p, algorithm ? &*algorithm : nullptr);
}

void Gemm::run(const KernelArgs& args, const void* x, const void* w, const void* bias,
               const void* residual, void* y, std::byte* workspace) const {
  const cuda::CudaStream& stream = cuda::stream_of(args);
  cublasLtMatmulDescOpaque_t product = product_;  // of this call alone
  if (problem_.bias) set(product, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
  const float alpha = 1.0F;
  const float beta = problem_.residual ? 1.0F : 0.0F;
  cublasLtMatrixLayoutOpaque_t x_layout = x_;
  cublasLtMatrixLayoutOpaque_t w_layout = w_;
  cublasLtMatrixLayoutOpaque_t y_layout = y_;
  check(cublasLtMatmul(handle_, &product, &alpha, w, &w_layout, x, &x_layout, &beta,
                       problem_.residual ? residual : y, &y_layout, y, &y_layout, &algorithm_,
                       workspace, problem_.workspace_bytes, stream.handle()),
        "enqueuing a product");
}

GemmAlgorithm Gemm::algorithm() const { return attributes(algorithm_); }

std::string Gemm::implementation() const {
  const GemmAlgorithm a = algorithm();
  return fmt::format("cublaslt {} algorithm {} tile {} stages {} splits {} cluster {}",
                     cublasLtGetVersion(), a.id, a.tile, a.stages, a.splits, a.cluster_shape);
}

}  // namespace lasso::kernels::gpu
