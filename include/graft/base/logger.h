// graft's own small logger: named loggers that share one sink set by the
// program; silent until one is set. Entry points: logger(name), set_log_sink.
// The sink is the one piece of process-wide state of the library.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace graft {

enum class LogLevel { kInfo, kWarning };

using LogSink = std::function<void(LogLevel level, std::string_view logger,
                                   std::string_view message)>;

// Replaces the sink and returns the previous one. Thread-safe.
LogSink set_log_sink(LogSink sink);

// Sets a sink for its own lifetime; tests and commands use it.
class ScopedLogSink {
 public:
  explicit ScopedLogSink(LogSink sink)
      : previous_(set_log_sink(std::move(sink))) {}
  ~ScopedLogSink() { set_log_sink(std::move(previous_)); }
  ScopedLogSink(const ScopedLogSink&) = delete;
  ScopedLogSink& operator=(const ScopedLogSink&) = delete;

 private:
  LogSink previous_;
};

class Logger {
 public:
  explicit Logger(std::string name) : name_(std::move(name)) {}
  const std::string& name() const { return name_; }
  void info(std::string_view message) const;
  void warning(std::string_view message) const;

 private:
  std::string name_;
};

}  // namespace graft
