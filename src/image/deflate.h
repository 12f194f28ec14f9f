// A fast DEFLATE encoder (RFC 1951) for filtered image rows: Huffman codes and runs of one byte,
// nothing else.
#ifndef LASSO_IMAGE_DEFLATE_H_
#define LASSO_IMAGE_DEFLATE_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace lasso {

// Appends the compressed bytes to `out`. Parts that were compressed one by one, in any order, make
// one stream when they are joined: each ends on a byte, and only the last one has `final` set.
void deflate_part(const std::uint8_t* data, std::size_t size, bool final, std::string& out);

}  // namespace lasso

#endif  // LASSO_IMAGE_DEFLATE_H_
