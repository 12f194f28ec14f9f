// First inputs for the fuzzer of the image decoders.
#ifndef LASSO_TESTS_FUZZ_MAKE_IMAGE_SEEDS_H_
#define LASSO_TESTS_FUZZ_MAKE_IMAGE_SEEDS_H_

#include <string>

namespace lasso::test {

// Small JPEG, PNG and Netpbm files of every kind that is read, into the folder.
void make_image_seeds(const std::string& dir);

}  // namespace lasso::test

#endif  // LASSO_TESTS_FUZZ_MAKE_IMAGE_SEEDS_H_
