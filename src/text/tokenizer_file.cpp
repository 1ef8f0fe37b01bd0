// A SAX handler with three destinations: the document, the vocabulary and the
// merges. Depth and duplicate keys are checked on the way.
#include "text/tokenizer_file_internal.h"

#include <utility>

#include "graft/base/error.h"
#include "graft/io/mapped_file.h"
#include "io/json_file_internal.h"

namespace graft::text {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t kMessageLimit = 200;

// Foreign bytes never reach the terminal.
std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kMessageLimit)) {
    out += c >= 0x20 && c < 0x7F ? c : '?';
  }
  return out;
}

class Reader {
 public:
  explicit Reader(TokenizerFile& file) : file_(file), slot_(&file.document) {}

  bool null() { return put(nullptr, "null"); }
  bool boolean(bool value) { return put(value, "true or false"); }
  bool number_integer(std::int64_t value) { return put(value, "a number < 0"); }
  bool number_unsigned(std::uint64_t value);
  bool number_float(double value, const std::string&) {
    return put(value, "a fraction");
  }
  bool string(std::string& value);
  bool binary(json::binary_t&) { return put(nullptr, "bytes"); }
  bool start_object(std::size_t);
  bool start_array(std::size_t);
  bool key(std::string& name);
  bool end_object() { return close(); }
  bool end_array();
  bool parse_error(std::size_t, const std::string&,
                   const nlohmann::detail::exception& error) {
    const std::string_view text = error.what();
    const std::size_t end = text.find("] ");  // drops "[json.exception...]"
    fail("invalid JSON: " +
         printable(end == text.npos ? text : text.substr(end + 2)));
  }

 private:
  enum class Mode { kDocument, kVocabulary, kMerges, kMergePair };

  [[noreturn]] void fail(const std::string& what) const {
    throw FileError(ErrorText{.operation = "tokenizer",
                              .what = file_.path.string() + ": " + what});
  }
  [[noreturn]] void fail_token(const std::string& what) const {
    fail("model.vocab['" + printable(token_) + "']: " + what);
  }
  std::string merge_place() const {
    return "model.merges[" + std::to_string(file_.merges.size()) + "]";
  }
  bool is_at(const char* name) const {
    return stack_.size() == 2 && top_key_ == "model" && model_key_ == name;
  }
  bool put(json value, const char* kind);
  bool open(json value);
  bool close();
  void add_legacy_merge(const std::string& merge);
  void add_token(std::uint64_t id);

  TokenizerFile& file_;
  Mode mode_ = Mode::kDocument;
  json* slot_;  // where the next value of an object, or the root, goes
  std::vector<json*> stack_;
  std::string top_key_;    // of the outermost object
  std::string model_key_;  // of the object one level deeper
  std::string token_;      // the key whose id comes next
  std::vector<std::string> pair_;
};

bool Reader::put(json value, const char* kind) {
  if (mode_ == Mode::kVocabulary) {
    fail_token(std::string("got ") + kind + ", expected an id");
  }
  if (mode_ != Mode::kDocument) {
    fail(merge_place() + ": got " + kind + ", expected two tokens");
  }
  if (!stack_.empty() && stack_.back()->is_array()) {
    stack_.back()->push_back(std::move(value));
    slot_ = &stack_.back()->back();
  } else {
    *slot_ = std::move(value);
  }
  return true;
}

bool Reader::open(json value) {
  if (stack_.size() >= static_cast<std::size_t>(kJsonDepthLimit)) {
    fail("invalid JSON: nested deeper than " + std::to_string(kJsonDepthLimit) +
         " levels");
  }
  put(std::move(value), "an object or array");
  stack_.push_back(slot_);
  return true;
}

bool Reader::close() {
  if (mode_ != Mode::kDocument) {
    mode_ = Mode::kDocument;
    return true;
  }
  stack_.pop_back();
  return true;
}

bool Reader::start_object(std::size_t) {
  if (mode_ == Mode::kDocument && is_at("vocab")) {
    mode_ = Mode::kVocabulary;
    file_.has_vocabulary = true;
    return true;
  }
  return open(json::object());
}

bool Reader::start_array(std::size_t) {
  if (mode_ == Mode::kDocument && is_at("merges")) {
    mode_ = Mode::kMerges;
    file_.has_merges = true;
    return true;
  }
  if (mode_ == Mode::kMerges) {
    mode_ = Mode::kMergePair;
    pair_.clear();
    return true;
  }
  return open(json::array());
}

bool Reader::end_array() {
  if (mode_ != Mode::kMergePair) return close();
  if (pair_.size() != 2) {
    fail(merge_place() + ": got " + std::to_string(pair_.size()) +
         " tokens, expected two");
  }
  file_.merges.add(pair_[0], pair_[1]);
  mode_ = Mode::kMerges;
  return true;
}

bool Reader::key(std::string& name) {
  if (mode_ == Mode::kVocabulary) {
    token_ = std::move(name);
    return true;
  }
  const auto [place, is_new] =
      stack_.back()->get_ref<json::object_t&>().emplace(name, json());
  if (!is_new) fail("invalid JSON: duplicate key '" + printable(name) + "'");
  slot_ = &place->second;
  if (stack_.size() == 1) {
    top_key_ = name;
    model_key_.clear();
  }
  if (stack_.size() == 2) model_key_ = name;
  return true;
}

bool Reader::number_unsigned(std::uint64_t value) {
  if (mode_ != Mode::kVocabulary) return put(value, "a number");
  add_token(value);
  return true;
}

bool Reader::string(std::string& value) {
  if (mode_ == Mode::kMerges) {
    add_legacy_merge(value);
  } else if (mode_ == Mode::kMergePair) {
    pair_.push_back(std::move(value));
  } else {
    return put(std::move(value), "a string");
  }
  return true;
}

void Reader::add_legacy_merge(const std::string& merge) {
  if (merge.starts_with("#version")) return;
  const std::size_t space = merge.find(' ');
  if (space == merge.npos || merge.find(' ', space + 1) != merge.npos) {
    fail(merge_place() + ": got '" + printable(merge) +
         "', expected two tokens and one space");
  }
  const std::string_view view = merge;
  file_.merges.add(view.substr(0, space), view.substr(space + 1));
}

void Reader::add_token(std::uint64_t id) {
  if (id > kMaxTokenId) {
    fail_token("got id " + std::to_string(id) + ", expected at most " +
               std::to_string(kMaxTokenId));
  }
  switch (file_.vocabulary.add(token_, static_cast<std::uint32_t>(id))) {
    case TokenTable::AddResult::kAdded:
      return;
    case TokenTable::AddResult::kDuplicateToken:
      fail_token("the token is there twice");
    case TokenTable::AddResult::kDuplicateId:
      fail_token("id " + std::to_string(id) + " is already that of '" +
                 printable(*file_.vocabulary.token(id)) + "'");
  }
}

}  // namespace

void MergeList::add(std::string_view left, std::string_view right) {
  arena_ += left;
  ends_.push_back(arena_.size());
  arena_ += right;
  ends_.push_back(arena_.size());
}

MergeList::Pair MergeList::operator[](std::size_t rank) const {
  const std::size_t begin = rank == 0 ? 0 : ends_[2 * rank - 1];
  const std::size_t middle = ends_[2 * rank];
  const std::string_view text = arena_;
  return {text.substr(begin, middle - begin),
          text.substr(middle, ends_[2 * rank + 1] - middle)};
}

std::optional<Part> TokenizerFile::part(const char* key) const {
  const Part root(document, path.string(), "");
  if (!root.has(key)) return std::nullopt;
  return root.child(key);
}

TokenizerFile read_tokenizer_file(const fs::path& path) {
  TokenizerFile out;
  out.path = path;
  const std::string text = read_text_file(path, "tokenizer");
  Reader reader(out);
  json::sax_parse(text.data(), text.data() + text.size(), &reader);
  if (!out.document.is_object()) {
    throw FileError(ErrorText{.operation = "tokenizer",
                              .what = path.string(),
                              .got = out.document.type_name(),
                              .expected = "a JSON object"});
  }
  return out;
}

}  // namespace graft::text
