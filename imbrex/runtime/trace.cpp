#include "imbrex/runtime/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>
#include <string>
#include <string_view>

#include "imbrex/base/utf8.h"

namespace imbrex::runtime {
namespace {

// What is no character of UTF-8 is none of JSON: it stands as \xHH.
std::string json_string(const std::string& text) {
  std::string quoted = "\"";
  for (size_t i = 0; i < text.size();) {
    const Utf8Character c = utf8_character(std::string_view(text).substr(i));
    const auto byte = static_cast<unsigned char>(text[i]);
    if (c.length == 0)
      quoted += fmt::format("\\\\x{:02x}", byte);
    else if (byte < 0x20)
      quoted += fmt::format("\\u{:04x}", byte);
    else if (byte == '"' || byte == '\\')
      quoted += {'\\', text[i]};
    else
      quoted += text.substr(i, c.length);
    i += std::max<size_t>(c.length, 1);
  }
  return quoted + '"';
}

}  // namespace

TraceCollector::TraceCollector(int workers, size_t events) : workers_(static_cast<size_t>(workers)) {
  for (Worker& worker : workers_) worker.events.reserve(events);
}

void TraceCollector::record(void* collector, int ith, const char* name, uint64_t begin_ns, uint64_t end_ns) {
  auto& workers = static_cast<TraceCollector*>(collector)->workers_;
  if (ith < 0 || static_cast<size_t>(ith) >= workers.size()) return;
  Worker& worker = workers[static_cast<size_t>(ith)];
  if (worker.events.size() == worker.events.capacity()) {
    ++worker.dropped;
  } else {
    worker.events.push_back({name, begin_ns, end_ns});
  }
}

uint64_t TraceCollector::dropped() const {
  uint64_t sum = 0;
  for (const Worker& worker : workers_) sum += worker.dropped;
  return sum;
}

void TraceCollector::clear() {
  for (Worker& worker : workers_) {
    worker.events.clear();
    worker.dropped = 0;
  }
}

void TraceCollector::write_json(std::ostream& out, const char* process_name) const {
  uint64_t first = UINT64_MAX;
  for (const Worker& worker : workers_)
    for (const Event& event : worker.events) first = std::min(first, event.begin_ns);
  out << "{\"traceEvents\": [\n"
      << fmt::format(R"({{"ph": "M", "pid": 1, "name": "process_name", "args": {{"name": {}}}}})", json_string(process_name));
  for (size_t ith = 0; ith < workers_.size(); ++ith) {
    out << fmt::format(
        ",\n"
        R"({{"ph": "M", "pid": 1, "tid": {0}, "name": "thread_name", "args": {{"name": "worker {0}"}}}})",
        ith);
    for (const Event& event : workers_[ith].events)
      out << fmt::format(
          ",\n"
          R"({{"ph": "X", "pid": 1, "tid": {}, "name": {}, "ts": {:.3f}, "dur": {:.3f}}})",
          ith, json_string(event.name), static_cast<double>(event.begin_ns - first) / 1e3,
          static_cast<double>(event.end_ns - event.begin_ns) / 1e3);
  }
  out << "\n]}\n";
}

}  // namespace imbrex::runtime
