// The readers that see strangers' bytes, one function per format. A target
// takes its input, or throws graft::Error; whatever else leaves is a finding.
#pragma once

#include <exception>
#include <filesystem>
#include <functional>
#include <string_view>

namespace graft::fuzz {

void safetensors(std::string_view bytes);
void gguf(std::string_view bytes);
void tokenizer(std::string_view bytes);
void text(std::string_view bytes);
void chat_template(std::string_view bytes);
void jsonl(std::string_view bytes);
void model_config(std::string_view bytes);
void adapter(std::string_view bytes);
void recipe(std::string_view bytes);
void selector(std::string_view bytes);

// Writes `bytes` to `name` in this process's folder in memory (/dev/shm, else
// the temporary folder), for readers that take paths. The next call with the
// name replaces it; several names make one directory.
std::filesystem::path memory_file(std::string_view bytes,
                                  std::string_view name = "input");

// Readers of different parts of one input: each runs, whatever the others say.
class Parts {
 public:
  void run(const std::function<void()>& part);
  // The first refusal, if there was one.
  void throw_if_refused() const;

 private:
  std::exception_ptr refusal_;
};

// A promise of the code is broken: prints it and aborts.
void expect(bool holds, const char* promise);

}  // namespace graft::fuzz
