// Labels of boxes: a text on a tag, where it hides no other one.
#ifndef LASSO_IMAGE_DRAW_LABELS_H_
#define LASSO_IMAGE_DRAW_LABELS_H_

#include <optional>
#include <string>
#include <vector>

#include "image/draw/style.h"
#include "lasso/image.h"
#include "lasso/mask.h"
#include "lasso/types.h"

namespace lasso {

struct Label {
  Box box;  // that it belongs to, in the picture or around it
  std::string text;
  Rgb color;
};

// Where a label goes.
struct Tag {
  Box box;           // with the halo around it
  std::string text;  // as it fits: drawable, with ".." at the end where it had to be cut
};

// The heights of a tag, with its halo.
float tag_height(const DrawStyle& style);

// A place for each label in a picture of width * height pixels, in the order of the labels: no tag
// leaves the picture, and none touches another. Where all places at a label's box are taken, or the
// picture has no room for three letters, it has none.
std::vector<std::optional<Tag>> place_labels(const std::vector<Label>& labels, int width,
                                             int height, const DrawStyle& style);

void draw_labels(const std::vector<Label>& labels, const DrawStyle& style, Image& image);

// Black or white: what has more contrast on the colour.
Rgb text_color(Rgb background);

}  // namespace lasso

#endif  // LASSO_IMAGE_DRAW_LABELS_H_
