// ByteLevel, Fuse and Sequence.
#include "text/decoder_internal.h"

#include <utility>

#include "text/byte_level_internal.h"
#include "text/unicode_internal.h"

namespace graft::text {
namespace {

class ByteLevelDecoder : public Decoder {
 public:
  std::vector<std::string> decode(
      std::vector<std::string> tokens) const override {
    std::string bytes;
    for (const std::string& token : tokens) append_token_bytes(bytes, token);
    return {replace_invalid_utf8(bytes)};
  }
};

class Fuse : public Decoder {
 public:
  std::vector<std::string> decode(
      std::vector<std::string> tokens) const override {
    std::string out;
    for (const std::string& token : tokens) out += token;
    return {out};
  }
};

class DecoderSequence : public Decoder {
 public:
  explicit DecoderSequence(const Part& part) {
    for (const Part& step : part.items("decoders")) {
      steps_.push_back(make_decoder(step));
    }
  }

  std::vector<std::string> decode(
      std::vector<std::string> tokens) const override {
    for (const auto& step : steps_) tokens = step->decode(std::move(tokens));
    return tokens;
  }

 private:
  std::vector<std::unique_ptr<const Decoder>> steps_;
};

}  // namespace

std::unique_ptr<const Decoder> make_decoder(const Part& part) {
  const std::string type = part.type();
  if (type == "ByteLevel") return std::make_unique<ByteLevelDecoder>();
  if (type == "Fuse") return std::make_unique<Fuse>();
  if (type == "Sequence") return std::make_unique<DecoderSequence>(part);
  part.unsupported(type);
}

}  // namespace graft::text
