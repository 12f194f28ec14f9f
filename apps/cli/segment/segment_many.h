// Segmenting many images, several at a time.
#ifndef LASSO_CLI_SEGMENT_SEGMENT_MANY_H_
#define LASSO_CLI_SEGMENT_SEGMENT_MANY_H_

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "cli/model/parts.h"
#include "cli/segment/segment_image.h"
#include "lasso/segmenter.h"

namespace lasso::app {

// How many images are segmented at a time: as many as are asked for or, if that is 0, one on each
// device of the engine; no more than there are.
int choose_jobs(int asked, std::size_t devices, std::size_t images);

// How many threads each of them has, of `threads` (0: MachineInfo::threads): at least one.
int threads_of_each(int jobs, int threads);

// `jobs` segmenters that divide the threads between them (0: MachineInfo::threads), at least one
// each.
std::vector<lasso::Segmenter> make_segmenters(const OpenParts& open, int jobs, int threads);

// "2", or "2 x 4" for two segmenters with four each.
std::string threads_text(const std::vector<lasso::Segmenter>& segmenters);

// Segments the images, as many at a time as there are segmenters. Files get their names and `tell`
// is called in the order of the tasks, one at a time, so that everything but the time it takes is
// the same for any number of segmenters. Throws what concerns the whole run, when the images in
// work are done.
void segment_many(std::vector<lasso::Segmenter>& segmenters, const std::vector<ImageTask>& tasks,
                  const SegmentSettings& settings, OutputNames* names,
                  const std::function<void(const ImageReport&)>& tell);

}  // namespace lasso::app

#endif  // LASSO_CLI_SEGMENT_SEGMENT_MANY_H_
