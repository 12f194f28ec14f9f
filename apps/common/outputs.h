// Files with the results of one image: overlay, masks, map of labels, COCO files.
#ifndef LASSO_COMMON_OUTPUTS_H_
#define LASSO_COMMON_OUTPUTS_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/files.h"
#include "common/prompts.h"
#include "lasso/image.h"
#include "lasso/mask.h"
#include "lasso/segmenter.h"

namespace lasso::app {

// The values of --format.
const std::vector<std::string>& known_formats();

struct Formats {
  bool overlay = false;
  bool mask = false;
  bool labelmap = false;
  bool rle = false;
  bool polygon = false;
  bool yolo = false;  // of a detector's boxes

  bool need_masks() const { return mask || labelmap || rle || polygon; }
};

// What is known of one mask once its pixels are gone.
struct MaskSummary {
  std::size_t prompt = 0;     // index among the image's prompts
  std::size_t candidate = 0;  // of the prompt's masks
  float iou_prediction = 0;
  std::int64_t area = 0;
  std::optional<PixelBox> box;  // none for an empty mask
  std::string rle;              // COCO's compressed counts; empty if nobody asked for it
};

// What a detector found, for the files.
struct FoundObject {
  std::string label;  // on the overlay
  Rgb color;
  int category = 0;  // its id in COCO's files
  float score = 0;
};

struct Category {
  int id = 0;
  std::string name;
};

// What an image's files are made from.
struct OutputSubject {
  std::string path;              // of the image, or of the embedding where there is no image
  const Image* image = nullptr;  // null: no pixels, so no overlay
  int width = 0;
  int height = 0;
  const std::vector<PromptTask>* prompts = nullptr;
  std::size_t candidates = 1;  // masks of a prompt with PromptTask::multimask
  // Of each prompt, which is its box; null where prompts are the user's. Then an image may have no
  // prompts, and add() need not be called.
  const std::vector<FoundObject>* objects = nullptr;
  const std::vector<Category>* categories = nullptr;  // of COCO's files; null: "object" alone
  std::string yolo;                                   // the file of Formats::yolo
};

// Takes the masks of an image as they come, so that they need not all be in memory at once.
class ImageOutputs {
 public:
  // `rle`: fill in MaskSummary::rle even if no format needs it.
  ImageOutputs(const Formats& formats, bool rle, std::filesystem::path folder, OutputNames* names,
               const OutputSubject& subject);

  // Throws OutputError for names that are longer than the file system takes. May come before
  // anything else, and claims none.
  void check_names() const;

  // The answers to prompts first, first + 1, ...; the calls cover all prompts in order.
  void add(std::size_t first, const std::vector<Segmentation>& answers);

  // Writes what is left to write.
  void finish();

  // The names of the files that were written, as json_name has them: {"overlay": [...], ...}. May
  // be asked after an error, too.
  OrderedJson written() const;
  // Indices of masks() that a format has no place for, {"polygon": [...]}: COCO's polygons have no
  // form for an empty mask.
  const OrderedJson& left_out() const { return left_out_; }

  const std::vector<MaskSummary>& masks() const { return masks_; }

 private:
  struct File {
    std::string kind;  // a value of --format
    OutputNames::Name name;
    std::string path;
    bool written = false;
  };

  std::vector<File> wanted_files() const;
  void choose_names();
  // Calls write(path) for file `index` of a kind.
  void write(const std::string& kind, std::size_t index,
             const std::function<void(const std::string& path)>& write);
  bool is_mixed() const;
  Rgb color_of(std::size_t prompt) const;
  void write_overlays();
  void add_to_overlay(std::size_t first, const std::vector<Segmentation>& answers);
  void add_to_overlays(std::size_t first, const std::vector<Segmentation>& answers);
  void add_to_labelmap(std::size_t prompt, const Mask& mask, std::int64_t area);
  void add_annotation(const MaskSummary& summary, const Mask& mask);
  OrderedJson coco_file(const OrderedJson& annotations) const;

  Formats formats_;
  bool rle_;
  std::filesystem::path folder_;
  OutputNames* names_;
  OutputSubject subject_;

  std::vector<File> files_;  // empty until names are chosen
  bool named_ = false;
  OrderedJson left_out_ = OrderedJson::object();
  std::vector<MaskSummary> masks_;
  std::vector<Image> overlays_;            // one per candidate; one for all where is_mixed()
  std::vector<std::uint16_t> labels_;      // of each pixel: index of the prompt + 1
  std::vector<std::int64_t> label_areas_;  // of each label's mask
  OrderedJson rle_annotations_ = OrderedJson::array();
  OrderedJson polygon_annotations_ = OrderedJson::array();
};

// The shortest decimal number that is the same float.
double shortest(float value);

OrderedJson xyxy(const PixelBox& box);
OrderedJson xywh(const PixelBox& box);

}  // namespace lasso::app

#endif  // LASSO_COMMON_OUTPUTS_H_
