// The byte-level alphabet: each of the 256 bytes as one printable character,
// so that a vocabulary of strings can hold any bytes. Entry points:
// append_byte_level, append_token_bytes.
#pragma once

#include <string>
#include <string_view>

namespace graft::text {

// Appends the character of every byte of `bytes`.
void append_byte_level(std::string& out, std::string_view bytes);

// Appends the bytes of a token; a token with a character outside the alphabet
// is appended as it is (added tokens are plain text).
void append_token_bytes(std::string& out, std::string_view token);

}  // namespace graft::text
