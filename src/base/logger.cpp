// The shared sink and its lock.
#include "graft/base/logger.h"

#include <mutex>
#include <utility>

namespace graft {
namespace {

std::mutex& sink_mutex() {
  static std::mutex mutex;
  return mutex;
}

LogSink& shared_sink() {
  static LogSink sink;
  return sink;
}

void send(LogLevel level, const std::string& name, std::string_view message) {
  LogSink sink;
  {
    const std::lock_guard lock(sink_mutex());
    sink = shared_sink();
  }
  if (sink) sink(level, name, message);
}

}  // namespace

LogSink set_log_sink(LogSink sink) {
  const std::lock_guard lock(sink_mutex());
  return std::exchange(shared_sink(), std::move(sink));
}

void Logger::info(std::string_view message) const {
  send(LogLevel::kInfo, name_, message);
}

void Logger::warning(std::string_view message) const {
  send(LogLevel::kWarning, name_, message);
}

}  // namespace graft
