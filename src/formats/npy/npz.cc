#include "formats/npy/npz.h"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <memory>

#include "core/aligned_buffer.h"
#include "core/file.h"
#include "formats/npy/npy.h"
#include "formats/text.h"
#include "formats/zip/zip_reader.h"
#include "formats/zip/zip_writer.h"

namespace lasso {

namespace {

constexpr std::string_view kExtension = ".npy";
constexpr std::size_t kMaxRatio = 1032;  // no deflate stream grows more

// Unpacks a deflated entry; the memory is bounded by what the packed bytes could hold.
std::shared_ptr<AlignedBuffer> inflate_entry(const ZipArchive& zip, const ZipEntry& entry) {
  LASSO_CHECK(entry.size / kMaxRatio <= entry.packed_size, ErrorCode::kCorruptFile,
              "{}: zip entry {} claims {} bytes packed into {}", zip.name(), printable(entry.name),
              entry.size, entry.packed_size);
  auto buffer = std::make_shared<AlignedBuffer>(entry.size);
  z_stream stream{};
  LASSO_CHECK(inflateInit2(&stream, -MAX_WBITS) == Z_OK, ErrorCode::kOutOfMemory,
              "{}: no memory to unpack {}", zip.name(), printable(entry.name));
  const std::unique_ptr<z_stream, void (*)(z_stream*)> guard(&stream,
                                                             [](z_stream* s) { inflateEnd(s); });
  // zlib counts in 32 bits: input and output go in pieces.
  constexpr std::size_t kPiece = std::numeric_limits<uInt>::max() / 2;
  Bytef nothing = 0;
  const auto* in = reinterpret_cast<const Bytef*>(zip.data(entry));
  auto* out = entry.size > 0 ? reinterpret_cast<Bytef*>(buffer->data()) : &nothing;
  std::size_t in_left = entry.packed_size;
  std::size_t out_left = entry.size;
  stream.next_in = const_cast<Bytef*>(in);
  stream.next_out = out;
  int status = Z_OK;
  while (status == Z_OK) {
    const auto in_piece = static_cast<uInt>(std::min(in_left, kPiece));
    const auto out_piece = static_cast<uInt>(std::min(out_left, kPiece));
    stream.avail_in = in_piece;
    stream.avail_out = out_piece;
    status = inflate(&stream, Z_NO_FLUSH);
    in_left -= in_piece - stream.avail_in;
    out_left -= out_piece - stream.avail_out;
    if (in_piece == stream.avail_in && out_piece == stream.avail_out) break;  // no progress
  }
  LASSO_CHECK(status == Z_STREAM_END && in_left == 0 && out_left == 0, ErrorCode::kCorruptFile,
              "{}: zip entry {} is damaged", zip.name(), printable(entry.name));
  return buffer;
}

// Also the end record alone, of an archive without entries.
bool begins_like_zip(const std::byte* data, std::size_t size) {
  return size >= 2 && data[0] == std::byte{'P'} && data[1] == std::byte{'K'};
}

}  // namespace

std::map<std::string, Tensor> read_npz(const std::string& path) {
  const auto file = std::make_shared<const std::string>(read_file(path, kMostArrayBytes));
  const auto* bytes = reinterpret_cast<const std::byte*>(file->data());
  // Asked of a zip archive, such a file would be said to be cut off.
  LASSO_CHECK(!is_npy(bytes, file->size()), ErrorCode::kCorruptFile,
              "{}: is a .npy file, one array without a name; write a .npz file, by "
              "numpy.savez(path, NAME=array)",
              path);
  LASSO_CHECK(begins_like_zip(bytes, file->size()), ErrorCode::kCorruptFile,
              "{}: is not a .npz file, which is a zip archive", path);
  const ZipArchive zip(bytes, file->size(), path);
  std::map<std::string, Tensor> arrays;
  for (const ZipEntry& entry : zip.entries()) {
    std::string name = entry.name;
    LASSO_CHECK(name.size() > kExtension.size() &&
                    name.substr(name.size() - kExtension.size()) == kExtension,
                ErrorCode::kCorruptFile, "{}: zip entry {} is no .npy array", path,
                printable(name));
    name.resize(name.size() - kExtension.size());
    LASSO_CHECK(entry.method == kZipStored || entry.method == kZipDeflated, ErrorCode::kUnsupported,
                "{}: zip entry {} is packed with method {}", path, printable(entry.name),
                entry.method);
    const std::byte* data = zip.data(entry);
    std::shared_ptr<const void> owner = file;
    if (entry.method == kZipDeflated) {
      const auto buffer = inflate_entry(zip, entry);
      data = buffer->data();
      owner = buffer;
    }
    const auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(data), entry.size);
    LASSO_CHECK(entry.size == 0 || crc == entry.crc32, ErrorCode::kCorruptFile,
                "{}: the checksum of {} does not fit: the file is damaged", path,
                printable(entry.name));
    arrays.emplace(name, parse_npy(data, entry.size, path + ":" + printable(name), owner));
  }
  return arrays;
}

void write_npz(const std::string& path, const std::map<std::string, TensorView>& tensors) {
  write_atomically(path, [&](const std::string& temporary) {
    ZipWriter zip(temporary, path);
    for (const auto& [name, tensor] : tensors) {
      std::string array = npy_header(tensor.dtype, tensor.dims);
      const std::size_t bytes =
          static_cast<std::size_t>(element_count(tensor.dims)) * size_of(tensor.dtype);
      array.append(static_cast<const char*>(tensor.data), bytes);
      zip.add(name + std::string(kExtension), array.data(), array.size());
    }
    zip.finish();
  });
}

}  // namespace lasso
