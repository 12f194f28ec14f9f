// What accuracy is measured on: images, the prompts for each, and the truth where it is known.
#ifndef LASSO_EVAL_EVALUATION_SET_H_
#define LASSO_EVAL_EVALUATION_SET_H_

#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "lasso/types.h"

namespace lasso {

// An object of an evaluation set.
struct TruthObject {
  OrderedJson id;
  std::string rle;             // COCO's compressed counts
  std::optional<Point> click;  // a pixel inside that the set's author chose
  bool core = true;            // one of those that the set's headline figures are about
};

// A prompt that is asked of every side.
struct AccuracyPrompt {
  OrderedJson id;  // of the object, or what a dump of masks calls it; null if there is none
  Prompt prompt;
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
  std::vector<std::string> skipped;  // what else the folder has, by name: of read_image_folder()
};

// What is in a folder, by name and sorted.
struct PictureNames {
  std::vector<std::string> pictures;
  std::vector<std::string> skipped;  // other files, and folders
};
// The JPEG, PNG, PPM and PGM files of a folder, as the ends of their names say in upper or lower
// case; not those of folders in it. Throws kNotFound for no folder, and kInvalidArgument where it
// has no such file.
PictureNames find_pictures(const std::string& folder);
// The same as a set of images.
AccuracySet read_image_folder(const std::string& folder);

// A folder with annotations.json, described in docs/performance.md. Throws kNotFound, and
// kCorruptFile with the file and what is wrong with it.
AccuracySet read_evaluation_set(const std::string& folder);

// Leaves the images that a dump of masks has, with its prompts; see docs/performance.md. Throws
// like read_evaluation_set.
void use_reference_masks(const std::string& folder, AccuracySet* set);

}  // namespace lasso

#endif  // LASSO_EVAL_EVALUATION_SET_H_
