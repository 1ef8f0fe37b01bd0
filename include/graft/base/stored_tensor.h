// A tensor as its file stores it: plain or quantised elements, rows possibly
// in another order. Read-only, usually in a mapped file. Entry point:
// StoredTensor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "graft/base/block_format.h"
#include "graft/base/host_tensor.h"
#include "graft/base/row_set.h"

namespace graft {

struct StoredTensor {
  const BlockFormat* format = nullptr;  // never null in a usable tensor
  std::vector<std::int64_t> shape;      // row-major; rows are whole blocks
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;  // keeps `bytes` valid
  // Row i of the tensor is stored as row (*row_order)[i]; null: in order.
  std::shared_ptr<const std::vector<std::int64_t>> row_order;

  // A tensor without a dimension, and one of one dimension, is one row.
  std::int64_t rows() const { return shape.size() < 2 ? 1 : shape[0]; }
  std::int64_t columns() const;
  std::size_t row_bytes() const;

  // The encoded bytes of one row.
  std::span<const std::byte> row(std::int64_t index) const;
  // rows.size() * columns() floats. Needs format->decode.
  void decode(RowSet rows, float* target) const;

  // The same bytes without decoding; nullopt when quantised or in another row
  // order.
  std::optional<HostTensor> plain_or_null() const;

  // `tensor` must be of a type that block_format.h knows: throws FileError
  // naming `what` otherwise.
  static StoredTensor from_plain(const HostTensor& tensor,
                                 const std::string& what);
};

}  // namespace graft
