// Error kinds of graft: the caller's fault (ConfigError), a bad input file
// (FileError) and the system's fault (SystemError). Entry point: throw one of
// them built from an ErrorText; the command's `main` alone catches them and
// maps them to exit codes 2, 3 and 4. Anything else is exit code 1.
#pragma once

#include <stdexcept>
#include <string>

namespace graft {

// The parts of one error sentence: "operation: what: got G, expected E. Hint."
// Empty parts are left out.
struct ErrorText {
  std::string operation;  // what was being done: "plan", "safetensors"
  std::string what;       // what is wrong and where: file, tensor, module
  std::string got;        // what was found
  std::string expected;   // what was wanted
  std::string hint;       // the next step, a full sentence

  std::string str() const;
};

class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message) : std::runtime_error(message) {}
  explicit Error(const ErrorText& text) : std::runtime_error(text.str()) {}
};

// Usage or configuration: exit code 2.
class ConfigError : public Error {
 public:
  using Error::Error;
};

// A file that is damaged, hostile or not what it should be: exit code 3.
class FileError : public Error {
 public:
  using Error::Error;
};

// Disk full, no memory, permission, a killed worker: exit code 4.
class SystemError : public Error {
 public:
  using Error::Error;
};

}  // namespace graft
