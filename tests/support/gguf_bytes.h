// GGUF files made in memory. Entry point: GgufBytes.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace graft::test {

// Little-endian bytes of a number.
template <typename T>
std::string number_bytes(T value) {
  std::string out(sizeof value, '\0');
  std::memcpy(out.data(), &value, sizeof value);
  return out;
}

// The parts of a file; everything can be overruled so that it lies.
class GgufBytes {
 public:
  static std::string text(std::string_view value) {
    return number_bytes<std::uint64_t>(value.size()) + std::string(value);
  }

  // `value`: the bytes after the type.
  GgufBytes& key(std::string_view name, std::uint32_t type,
                 const std::string& value) {
    keys_ += text(name) + number_bytes(type) + value;
    ++key_count_;
    return *this;
  }
  GgufBytes& key_text(std::string_view name, std::string_view value) {
    return key(name, 8, text(value));
  }
  GgufBytes& key_u32(std::string_view name, std::uint32_t value) {
    return key(name, 4, number_bytes(value));
  }
  GgufBytes& key_f32(std::string_view name, float value) {
    return key(name, 6, number_bytes(value));
  }
  GgufBytes& key_bool(std::string_view name, bool value) {
    return key(name, 7, std::string(1, value ? '\1' : '\0'));
  }
  GgufBytes& key_texts(std::string_view name,
                       const std::vector<std::string>& values) {
    std::string bytes = number_bytes<std::uint32_t>(8) +
                        number_bytes<std::uint64_t>(values.size());
    for (const std::string& value : values) bytes += text(value);
    return key(name, 9, bytes);
  }
  GgufBytes& key_i32s(std::string_view name,
                      const std::vector<std::int32_t>& values) {
    std::string bytes = number_bytes<std::uint32_t>(5) +
                        number_bytes<std::uint64_t>(values.size());
    for (const std::int32_t value : values) bytes += number_bytes(value);
    return key(name, 9, bytes);
  }

  // `dimensions` as the file has them, fastest first.
  GgufBytes& tensor(std::string_view name,
                    const std::vector<std::uint64_t>& dimensions,
                    std::uint32_t type, std::uint64_t offset) {
    tensors_ += text(name) + number_bytes<std::uint32_t>(
                                 static_cast<std::uint32_t>(dimensions.size()));
    for (const std::uint64_t size : dimensions) tensors_ += number_bytes(size);
    tensors_ += number_bytes(type) + number_bytes(offset);
    ++tensor_count_;
    return *this;
  }
  // Puts `bytes` at the end of the data, padded, under `name`.
  GgufBytes& tensor_data(std::string_view name,
                         const std::vector<std::uint64_t>& dimensions,
                         std::uint32_t type, const std::string& bytes) {
    tensor(name, dimensions, type, data_.size());
    data_ += bytes;
    data_.append((32 - data_.size() % 32) % 32, '\0');
    return *this;
  }
  GgufBytes& data(std::string bytes) {
    data_ = std::move(bytes);
    return *this;
  }
  GgufBytes& version(std::uint32_t value) {
    version_ = value;
    return *this;
  }
  GgufBytes& tensor_count(std::uint64_t value) {
    tensor_count_ = value;
    return *this;
  }
  GgufBytes& key_count(std::uint64_t value) {
    key_count_ = value;
    return *this;
  }
  GgufBytes& magic(std::string value) {
    magic_ = std::move(value);
    return *this;
  }

  std::string header() const {
    return magic_ + number_bytes(version_) + number_bytes(tensor_count_) +
           number_bytes(key_count_) + keys_ + tensors_;
  }
  std::string str(std::size_t alignment = 32) const {
    std::string out = header();
    if (data_.empty()) return out;
    out.append((alignment - out.size() % alignment) % alignment, '\0');
    return out + data_;
  }

 private:
  std::string magic_ = "GGUF";
  std::uint32_t version_ = 3;
  std::uint64_t tensor_count_ = 0;
  std::uint64_t key_count_ = 0;
  std::string keys_;
  std::string tensors_;
  std::string data_;
};

}  // namespace graft::test
