// What accuracy is measured on: images, the prompts for each, and the truth where it is known.
#ifndef LASSO_CLI_ACCURACY_SET_H_
#define LASSO_CLI_ACCURACY_SET_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lasso/image.h"
#include "lasso/mask.h"
#include "lasso/types.h"
#include "prompts.h"

namespace lasso::cli {

// An object of an evaluation set.
struct TruthObject {
  Json id;
  std::string rle;             // COCO's compressed counts
  std::optional<Point> click;  // a pixel inside that the set's author chose
  bool core = true;            // one of those that the set's headline figures are about
};

// A prompt that is asked of every side.
struct AccuracyPrompt {
  Json id;  // of the object, or what a dump of masks calls it; null if there is none
  lasso::Prompt prompt;
  std::string truth;  // RLE; empty where the truth is not known
  bool core = true;
};

struct AccuracyImage {
  std::string name;  // of the file, within the set's folder
  std::string path;
  int width = 0;  // 0: not known before the image is read
  int height = 0;
  std::vector<TruthObject> objects;
  std::vector<AccuracyPrompt> prompts;  // given ones; empty: to be drawn
  std::string reference_masks;          // a .npy file with a mask for each prompt; or empty
};

struct AccuracySet {
  std::string folder;
  bool has_truth = false;
  std::vector<AccuracyImage> images;
};

// The JPEG, PNG, PPM and PGM files of a folder, sorted by name, not those of folders in it. Throws
// Failure(kUsage) that names the option if there are none.
AccuracySet read_image_folder(const std::string& option, const std::string& folder);

// A folder with annotations.json, described in docs/performance.md. Throws Failure(kUsage).
AccuracySet read_evaluation_set(const std::string& folder);

// The folder of the evaluation set that comes with Lasso; empty if there is none.
std::string default_evaluation_set();

// Leaves the images that a dump of masks has, with its prompts; see docs/performance.md.
void use_reference_masks(const std::string& folder, AccuracySet* set);

struct DrawOptions {
  std::uint64_t seed = 1;
  int min_points = 1;
  int max_points = 5;
  int prompts_per_image = 0;   // 0: one for each object; 4 where there are none
  bool stored_clicks = false;  // the set's own first clicks in place of random ones
};

// Draws the prompts of an image that has none, and checks all of them against the image's size.
// Throws Failure(kSomeFailed) where the annotations do not fit the image.
std::vector<AccuracyPrompt> prompts_for(const AccuracyImage& image, int width, int height,
                                        const DrawOptions& options);

// JSON lines as `lasso segment --prompts` and tools/dump_reference.py read them.
std::string prompt_lines(const AccuracyImage& image, const std::vector<AccuracyPrompt>& prompts);

// The masks of a dump, one for each prompt. Throws Failure(kSomeFailed).
std::vector<Mask> read_reference_masks(const AccuracyImage& image, int width, int height,
                                       std::size_t prompts);

}  // namespace lasso::cli

#endif  // LASSO_CLI_ACCURACY_SET_H_
