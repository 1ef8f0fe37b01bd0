// Makes safetensors files in memory for the tests of io, good and damaged.
// Entry points: safetensors_bytes, entry.
#pragma once

#include <cstdint>
#include <string>

namespace graft::test {

// Length field, header text and data put together; `length` replaces the true
// header length.
inline std::string safetensors_bytes(const std::string& header,
                                     const std::string& data,
                                     std::uint64_t length) {
  std::string out;
  for (int i = 0; i < 8; ++i) {
    out += static_cast<char>(length >> (8 * i) & 0xff);
  }
  return out + header + data;
}

inline std::string safetensors_bytes(const std::string& header,
                                     const std::string& data) {
  return safetensors_bytes(header, data, header.size());
}

// One header entry: "name":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}.
inline std::string entry(const std::string& name, const std::string& dtype,
                         const std::string& shape, const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
         ",\"data_offsets\":" + offsets + "}";
}

}  // namespace graft::test
