// The arguments of a filter, test or method by name. Entry point:
// ArgumentReader.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "text/jinja_operator_internal.h"
#include "text/jinja_value_internal.h"

namespace graft::text::jinja {

class ArgumentReader {
 public:
  // Throws Fault for too many, unknown or repeated arguments. `arguments`
  // outlives the reader.
  ArgumentReader(std::string function, const Arguments& arguments,
                 std::initializer_list<const char*> names);

  const Value* find(std::size_t index) const { return slots_[index]; }
  const Value& need(std::size_t index) const;
  const std::string& need_text(std::size_t index) const;
  // nullptr too when it is none.
  const std::string* find_text(std::size_t index) const;
  std::int64_t whole(std::size_t index, std::int64_t preset) const;
  bool flag(std::size_t index, bool preset) const;

 private:
  std::string place(std::size_t index) const;

  std::string function_;
  std::vector<const char*> names_;
  std::vector<const Value*> slots_;
};

}  // namespace graft::text::jinja
