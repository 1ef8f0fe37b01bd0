// Stops the JSON reader at model.type.
#include <fstream>
#include <nlohmann/json.hpp>

#include "formats/hf/tokenizer_kind_internal.h"
#include "io/json_file_internal.h"

namespace graft {
namespace {

// Every event that returns false ends the reading.
class KindFinder : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::string kind = "unknown";

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool string(string_t& value) override {
    if (depth_ != 2 || !in_model_ || key_ != "type") return true;
    kind = printable(value);
    return false;
  }
  bool key(string_t& name) override {
    key_ = name;
    if (depth_ == 1) in_model_ = name == "model";
    return true;
  }
  bool start_object(std::size_t) override { return open(); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t, const std::string&,
                   const nlohmann::json::exception&) override {
    return false;
  }

 private:
  // A vocabulary without a type before it is not read to its end.
  bool open() {
    if (depth_ == 2 && in_model_ && key_ == "vocab") return false;
    return ++depth_ <= kJsonDepthLimit;
  }
  bool close() {
    --depth_;
    return true;
  }

  int depth_ = 0;
  bool in_model_ = false;
  std::string key_;
};

}  // namespace

std::string read_tokenizer_kind(const std::filesystem::path& tokenizer_json) {
  std::ifstream in(tokenizer_json, std::ios::binary);
  KindFinder finder;
  nlohmann::json::sax_parse(in, &finder);
  return finder.kind;
}

}  // namespace graft
