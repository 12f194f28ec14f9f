#include "cli/model/host_tensors.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>

#include "core/dtype.h"
#include "core/random.h"
#include "core/tensor.h"

namespace lasso::app {

namespace {

template <typename T>
T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

template <typename T>
void store(double value, std::byte* at) {
  T number{};
  if constexpr (std::numeric_limits<T>::is_integer) {
    constexpr auto kLeast = static_cast<double>(std::numeric_limits<T>::min());
    // 2^63 - 1 is no double: the number of 64 bits below it is.
    constexpr double kMost =
        sizeof(T) < 8 ? static_cast<double>(std::numeric_limits<T>::max()) : 9223372036854774784.0;
    number = std::isnan(value) ? T{0} : static_cast<T>(std::clamp(value, kLeast, kMost));
  } else {
    number = static_cast<T>(value);
  }
  std::memcpy(at, &number, sizeof(number));
}

double load_as(ElementType type, const std::byte* at) {
  switch (type) {
    case ElementType::kFloat32:
      return static_cast<double>(load<float>(at));
    case ElementType::kFloat16:
      return static_cast<double>(f16_to_f32(load<std::uint16_t>(at)));
    case ElementType::kBFloat16:
      return static_cast<double>(bf16_to_f32(load<std::uint16_t>(at)));
    case ElementType::kFloat64:
      return load<double>(at);
    case ElementType::kInt8:
      return load<std::int8_t>(at);
    case ElementType::kInt16:
      return load<std::int16_t>(at);
    case ElementType::kInt32:
      return load<std::int32_t>(at);
    case ElementType::kInt64:
      return static_cast<double>(load<std::int64_t>(at));
    case ElementType::kUInt8:
    case ElementType::kBool:
      return load<std::uint8_t>(at);
  }
  return 0;
}

void store_as(ElementType type, double value, std::byte* at) {
  switch (type) {
    case ElementType::kFloat32:
      return store<float>(value, at);
    case ElementType::kFloat16:
      return store<std::uint16_t>(f32_to_f16(static_cast<float>(value)), at);
    case ElementType::kBFloat16:
      return store<std::uint16_t>(f32_to_bf16(static_cast<float>(value)), at);
    case ElementType::kFloat64:
      return store<double>(value, at);
    case ElementType::kInt8:
      return store<std::int8_t>(value, at);
    case ElementType::kInt16:
      return store<std::int16_t>(value, at);
    case ElementType::kInt32:
      return store<std::int32_t>(value, at);
    case ElementType::kInt64:
      return store<std::int64_t>(value, at);
    case ElementType::kUInt8:
      return store<std::uint8_t>(value, at);
    case ElementType::kBool:
      return store<std::uint8_t>(value != 0 ? 1 : 0, at);
  }
}

}  // namespace

bool is_real_type(ElementType type) {
  return type == ElementType::kFloat32 || type == ElementType::kFloat16 ||
         type == ElementType::kBFloat16 || type == ElementType::kFloat64;
}

std::vector<double> to_doubles(const HostTensorView& tensor) {
  std::vector<double> values(static_cast<std::size_t>(element_count(tensor.shape)));
  const auto* data = static_cast<const std::byte*>(tensor.data);
  const std::size_t bytes = size_of(tensor.type);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = load_as(tensor.type, data + i * bytes);
  return values;
}

HostTensor from_doubles(ElementType type, const std::vector<std::int64_t>& shape,
                        const std::vector<double>& values) {
  HostTensor tensor{type, shape, {}};
  const std::size_t bytes = size_of(type);
  tensor.bytes.resize(values.size() * bytes);
  for (std::size_t i = 0; i < values.size(); ++i) {
    store_as(type, values[i], tensor.bytes.data() + i * bytes);
  }
  return tensor;
}

HostTensor filled_tensor(ElementType type, const std::vector<std::int64_t>& shape, double value) {
  const std::vector<double> values(static_cast<std::size_t>(element_count(shape)), value);
  return from_doubles(type, shape, values);
}

HostTensor random_tensor(ElementType type, const std::vector<std::int64_t>& shape,
                         std::uint64_t seed, const std::string& name) {
  // Each input has numbers of its own, whatever others there are.
  std::uint64_t state = seed;
  for (const char c : name) state = mix(state + kGoldenRatio + static_cast<unsigned char>(c));
  SplitMix64 random(state);
  std::vector<double> values(static_cast<std::size_t>(element_count(shape)));
  for (double& value : values) {
    value = is_real_type(type) ? static_cast<double>(random.uniform())
                               : static_cast<double>(random.below(2));
  }
  return from_doubles(type, shape, values);
}

}  // namespace lasso::app
