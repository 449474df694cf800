// Collects what each worker did when, and writes it as a timeline for Perfetto or chrome://tracing.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <vector>

namespace imbrex::runtime {

class TraceCollector {
 public:
  // Room for `events` events of each worker; what does not fit is counted, not kept, so that recording never allocates.
  explicit TraceCollector(int workers, size_t events = 4096);

  // The imbrex_trace_fn; `collector` is a TraceCollector*. Different workers may call it at once. `name` must outlive the
  // collector.
  static void record(void* collector, int ith, const char* name, uint64_t begin_ns, uint64_t end_ns);

  struct Event {
    const char* name;
    uint64_t begin_ns, end_ns;
  };
  const std::vector<Event>& events_of(int ith) const { return workers_.at(static_cast<size_t>(ith)).events; }
  uint64_t dropped() const;
  void clear();
  // {"traceEvents": [...]}: one row for each worker, microseconds since the first event.
  void write_json(std::ostream& out, const char* process_name) const;

 private:
  struct alignas(64) Worker {
    std::vector<Event> events;
    uint64_t dropped = 0;
  };
  std::vector<Worker> workers_;
};

}  // namespace imbrex::runtime
