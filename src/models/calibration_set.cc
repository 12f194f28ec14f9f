#include "models/calibration_set.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "core/check.h"
#include "core/random.h"
#include "image/preprocess.h"
#include "image/random_picture.h"
#include "image/resize.h"

namespace lasso {

namespace {

constexpr int kMostImages = 4096;
constexpr int kMostPrompts = 256;
// Two that choose and two that accept: of fewer, nobody knows how much images differ.
constexpr int kFewestImages = 4;

void check_options(const CalibrationOptions& o) {
  const auto check_range = [](const char* name, int value, int least, int most) {
    LASSO_CHECK(value >= least && value <= most, ErrorCode::kInvalidArgument,
                "calibration: {} is {}: expected {} to {}", name, value, least, most);
  };
  check_range("count", o.count, kFewestImages, kMostImages);
  check_range("prompts_per_image", o.prompts_per_image, 1, kMostPrompts);
  check_range("ranking_images", o.ranking_images, 1, kMostImages);
  check_range("seed", o.seed, 0, std::numeric_limits<int>::max());
  const auto check_aim = [](const char* name, const std::optional<double>& aim) {
    LASSO_CHECK(!aim || (*aim > 0 && *aim <= 1), ErrorCode::kInvalidArgument,
                "calibration: {} is {}: expected more than 0, and at most 1", name, *aim);
  };
  check_aim("min_iou", o.min_iou);
  check_aim("min_map", o.min_map);
}

// A caller's function may return any image.
void check_image(const Image& image) {
  check_view(image.view());
  const auto bytes = static_cast<std::size_t>(image.width) *
                     static_cast<std::size_t>(image.height) *
                     static_cast<std::size_t>(channels(image.format));
  LASSO_CHECK(image.pixels.size() >= bytes, ErrorCode::kInvalidArgument,
              "an image of {}x{} needs {} bytes, and has {}", image.width, image.height, bytes,
              image.pixels.size());
}

// What is the image's fault is the text; other errors pass through.
std::optional<std::string> try_read(const CalibrationOptions& options, const std::string& name,
                                    const ReduceImage& reduce, Image* image) {
  try {
    const Image read = options.read ? options.read(name) : read_image(name);
    check_image(read);
    *image = reduce(read);
    return std::nullopt;
  } catch (const Error& error) {
    const ErrorCode code = error.code();
    if (code == ErrorCode::kOutOfMemory || code == ErrorCode::kDevice ||
        code == ErrorCode::kInternal) {
      throw;
    }
    const std::string text = error.what();
    return text.find(name) == std::string::npos ? name + ": " + text : text;
  }
}

std::vector<std::string> shuffled(std::vector<std::string> names, std::uint64_t seed) {
  SplitMix64 random(seed);
  for (std::size_t i = names.size(); i > 1; --i) std::swap(names[i - 1], names[random.below(i)]);
  return names;
}

class Gathering {
 public:
  Gathering(const CalibrationOptions& options, int side, const ReduceImage& reduce)
      : options_(options), side_(side), reduce_(reduce) {}

  CalibrationSet run() {
    if (options_.images.empty()) {
      set_.random = true;
      for (int i = 0; i < options_.count; ++i) {
        report();
        add(fmt::format("random picture {}", i), random_picture(side_, side_, seed_for(i)));
      }
      return std::move(set_);
    }
    for (const std::string& name : shuffled(options_.images, seed_for(0))) {
      if (count() == options_.count) break;
      report();
      Image image;
      if (const auto problem = try_read(options_, name, reduce_, &image)) {
        set_.skipped.push_back(*problem);
      } else {
        add(name, std::move(image));
      }
    }
    LASSO_CHECK(count() >= kFewestImages, ErrorCode::kInvalidArgument,
                "calibration: {} of {} image{} can be used, and at least {} are needed{}{}",
                count(), options_.images.size(), options_.images.size() == 1 ? "" : "s",
                kFewestImages, set_.skipped.empty() ? "" : "; the first that can't: ",
                set_.skipped.empty() ? "" : set_.skipped.front());
    return std::move(set_);
  }

 private:
  int count() const { return static_cast<int>(set_.choosing.size() + set_.accepting.size()); }

  std::uint64_t seed_for(int index) const {
    return static_cast<std::uint64_t>(options_.seed) << 32 | static_cast<std::uint64_t>(index);
  }

  void report() const {
    if (options_.progress) options_.progress("reading images", count(), options_.count);
  }

  void add(const std::string& name, Image image) {
    for (const auto* part : {&set_.choosing, &set_.accepting}) {
      for (const CalibrationPicture& other : *part) {
        if (other.image.width != image.width || other.image.pixels != image.pixels) continue;
        set_.skipped.push_back(name + ": the same picture as " + other.name);
        return;
      }
    }
    auto& part = count() % 2 == 0 ? set_.choosing : set_.accepting;
    part.push_back({name, std::move(image), {}});
  }

  const CalibrationOptions& options_;
  int side_;
  const ReduceImage& reduce_;
  CalibrationSet set_;
};

}  // namespace

std::int64_t picture_count(const CalibrationOptions& options) {
  const auto known = static_cast<std::int64_t>(options.images.size());
  return known == 0 ? options.count : std::min<std::int64_t>(options.count, known);
}

CalibrationSet gather_pictures(const CalibrationOptions& options, int side,
                               const ReduceImage& reduce) {
  check_options(options);
  return Gathering(options, side, reduce).run();
}

Image reduced_to_square(const Image& image, int side) {
  const bool larger = std::max(image.width, image.height) > side;
  const ResizedSize size =
      larger ? resized_size(preprocess_preset("sam"), image.width, image.height, side)
             : ResizedSize{image.width, image.height, 0, 0};
  Image result{size.width, size.height, PixelFormat::kRgb, {}};
  result.pixels.resize(static_cast<std::size_t>(size.width) *
                       static_cast<std::size_t>(size.height) * 3);
  ResizeScratch scratch;
  resize_rgb(image.view(), size.width, size.height, ResizeFilter::kBilinear, scratch,
             result.pixels.data());
  return result;
}

}  // namespace lasso
