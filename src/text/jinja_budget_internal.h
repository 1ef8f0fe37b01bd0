// What one rendering may use. Entry point: Budget; every loop over a
// template's data asks it first, so that a hostile template ends in an error.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "text/jinja_value_internal.h"

namespace graft::text::jinja {

struct Limits {
  std::uint64_t steps = 5'000'000;                 // of evaluation
  std::uint64_t bytes = std::uint64_t{512} << 20;  // of all texts and lists
  std::uint64_t output = std::uint64_t{16} << 20;  // of one text
  int depth = 500;                                 // of calls and nesting
};

class Budget {
 public:
  explicit Budget(const Limits& limits) : limits_(limits) {}

  void step(std::uint64_t count = 1) {
    steps_ += count;
    if (steps_ > limits_.steps || steps_ < count) {
      throw Fault("the template takes too many steps", "",
                  "at most " + std::to_string(limits_.steps));
    }
  }

  // Reading so many bytes.
  void scan(std::uint64_t bytes) { step(bytes / 64); }

  void scan(const Value& value) {
    if (const std::string* text = value.as_text()) scan(text->size());
  }

  // Before a text or list of so many bytes is made.
  void take(std::uint64_t bytes) {
    check_length(bytes);
    bytes_ += bytes;
    if (bytes_ > limits_.bytes) {
      throw Fault("the template takes too much memory", "",
                  "at most " + std::to_string(limits_.bytes) + " bytes");
    }
    step(bytes / 256);
  }
  void check_length(std::uint64_t bytes) const {
    if (bytes <= limits_.output) return;
    throw Fault("a text of the template grows too long", "",
                "at most " + std::to_string(limits_.output) + " bytes");
  }
  void take_values(std::uint64_t count) {
    check_length(count);
    take(count * sizeof(Value));
  }

  void enter() {
    if (++depth_ > limits_.depth) {
      --depth_;
      throw Fault("the template nests deeper than " +
                  std::to_string(limits_.depth) + " levels");
    }
  }
  void leave() { --depth_; }

 private:
  Limits limits_;
  std::uint64_t steps_ = 0;
  std::uint64_t bytes_ = 0;
  int depth_ = 0;
};

// One level deeper while it lives.
class Nesting {
 public:
  explicit Nesting(Budget& budget) : budget_(budget) { budget_.enter(); }
  ~Nesting() { budget_.leave(); }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;

 private:
  Budget& budget_;
};

// A text that is paid for as it grows.
class TextBuilder {
 public:
  explicit TextBuilder(Budget& budget) : budget_(budget) {}

  void append(std::string_view text) {
    pay(text.size());
    out_.append(text);
  }
  void append(std::size_t count, char fill) {
    pay(count);
    out_.append(count, fill);
  }
  std::size_t size() const { return out_.size(); }
  std::string finish() {
    budget_.take(unpaid_);
    return std::move(out_);
  }

 private:
  void pay(std::uint64_t count) {
    budget_.check_length(out_.size() + count);
    unpaid_ += count;
    if (unpaid_ >= kChunk) budget_.take(std::exchange(unpaid_, 0));
  }

  static constexpr std::uint64_t kChunk = 4096;

  Budget& budget_;
  std::string out_;
  std::uint64_t unpaid_ = 0;
};

}  // namespace graft::text::jinja
