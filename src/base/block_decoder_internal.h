// The decoders of the table in block_format.cpp, one a type; contract:
// BlockFormat::Decode. Private to base.
#pragma once

#include <cstddef>

namespace graft::block_decoder {

void f32(const std::byte* source, std::size_t blocks, float* target);
void f16(const std::byte* source, std::size_t blocks, float* target);
void f64(const std::byte* source, std::size_t blocks, float* target);
void bf16(const std::byte* source, std::size_t blocks, float* target);
void q4_0(const std::byte* source, std::size_t blocks, float* target);
void q4_1(const std::byte* source, std::size_t blocks, float* target);
void q5_0(const std::byte* source, std::size_t blocks, float* target);
void q5_1(const std::byte* source, std::size_t blocks, float* target);
void q8_0(const std::byte* source, std::size_t blocks, float* target);
void q2_k(const std::byte* source, std::size_t blocks, float* target);
void q3_k(const std::byte* source, std::size_t blocks, float* target);
void q4_k(const std::byte* source, std::size_t blocks, float* target);
void q5_k(const std::byte* source, std::size_t blocks, float* target);
void q6_k(const std::byte* source, std::size_t blocks, float* target);
void iq4_nl(const std::byte* source, std::size_t blocks, float* target);

}  // namespace graft::block_decoder
