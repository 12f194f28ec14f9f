// The records of zip archives, as the reader and the writer know them.
#ifndef LASSO_FORMATS_ZIP_ZIP_RECORDS_H_
#define LASSO_FORMATS_ZIP_ZIP_RECORDS_H_

#include <cstddef>
#include <cstdint>

namespace lasso::zip_record {

constexpr std::uint32_t kLocalSignature = 0x04034b50;
constexpr std::uint32_t kCentralSignature = 0x02014b50;
constexpr std::uint32_t kEndSignature = 0x06054b50;
constexpr std::uint32_t kZip64EndSignature = 0x06064b50;
constexpr std::uint32_t kZip64LocatorSignature = 0x07064b50;
// The sizes do not count names, extra fields and comments.
constexpr std::size_t kLocalHeaderBytes = 30;
constexpr std::size_t kCentralHeaderBytes = 46;
constexpr std::size_t kEndRecordBytes = 22;
constexpr std::size_t kZip64EndRecordBytes = 56;
constexpr std::size_t kZip64LocatorBytes = 20;
constexpr std::uint16_t kZip64Extra = 1;
// A field of 16 or 32 bits holds this where its value stands in a zip64 record.
constexpr std::uint16_t kMaxU16 = 0xffff;
constexpr std::uint32_t kMaxU32 = 0xffffffff;

}  // namespace lasso::zip_record

#endif  // LASSO_FORMATS_ZIP_ZIP_RECORDS_H_
