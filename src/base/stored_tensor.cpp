// Rows of a stored tensor, found and decoded.
#include "graft/base/stored_tensor.h"

#include "graft/base/error.h"

namespace graft {

std::int64_t StoredTensor::columns() const {
  if (shape.empty()) return 1;
  if (shape.size() == 1) return shape[0];
  std::int64_t out = 1;
  for (std::size_t i = 1; i < shape.size(); ++i) out *= shape[i];
  return out;
}

std::size_t StoredTensor::row_bytes() const {
  return static_cast<std::size_t>(columns()) / format->elements * format->bytes;
}

std::span<const std::byte> StoredTensor::row(std::int64_t index) const {
  const std::int64_t stored =
      row_order ? (*row_order)[static_cast<std::size_t>(index)] : index;
  const std::size_t size = row_bytes();
  return bytes.subspan(static_cast<std::size_t>(stored) * size, size);
}

void StoredTensor::decode(RowSet rows, float* target) const {
  const auto width = static_cast<std::size_t>(columns());
  const std::size_t blocks = width / format->elements;
  if (!row_order) {  // one run
    const std::size_t begin =
        static_cast<std::size_t>(rows.begin) * row_bytes();
    format->decode(bytes.data() + begin,
                   blocks * static_cast<std::size_t>(rows.size()), target);
    return;
  }
  for (std::int64_t i = rows.begin; i < rows.end; ++i) {
    format->decode(row(i).data(), blocks, target);
    target += width;
  }
}

std::optional<HostTensor> StoredTensor::plain_or_null() const {
  if (!format->dtype || row_order) return std::nullopt;
  return HostTensor{*format->dtype, shape, bytes, owner};
}

StoredTensor StoredTensor::from_plain(const HostTensor& tensor,
                                      const std::string& what) {
  const BlockFormat* format = plain_block_format(tensor.dtype);
  if (format == nullptr || format->decode == nullptr) {
    throw FileError(ErrorText{
        .operation = "read weights",
        .what = what,
        .got = std::string(dtype_name(tensor.dtype)),
        .expected = "F32, F16, BF16 or F64",
        .hint = "This quantised checkpoint cannot be run; a GGUF file can"});
  }
  return {format, tensor.shape, tensor.bytes, tensor.owner, nullptr};
}

}  // namespace graft
