#include "imbrex/tools/report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "imbrex/base/numbers.h"
#include "imbrex/base/utf8.h"
#include "imbrex/tools/options_json.h"

namespace imbrex::tools {
namespace {

using kernels::Judgement;
using kernels::StageResult;
using kernels::Tally;
using nlohmann::json;

std::string sizes_text(const RunReport& report) {
  if (report.batch > 0) return fmt::format("B={} S={} (T={})", report.batch, report.sequence, report.dims.at("T"));
  std::vector<std::string> parts;
  for (const auto& [name, value] : report.dims) parts.push_back(fmt::format("{}={}", name, value));
  return fmt::format("{}", fmt::join(parts, " "));
}

bool passes(const RunReport& report, const OutputResult& output) {
  return output.pass() && (!report.judgement || report.judgement->first_bad_stage(output.name) == nullptr);
}

std::string worst_text(const Tally& tally, const std::vector<int64_t>& shape) {
  if (tally.elements == 0) return "nothing to compare";
  return fmt::format("worst {:.3g} at {}, {} outside", tally.worst_difference, position_text(tally.worst_index, shape),
                     tally.outside);
}

std::string type_text(const OutputResult& output) {
  return fmt::format("{} [{}]", name_of(output.dtype), fmt::join(output.shape, ","));
}

void print_output(const RunReport& report, const OutputResult& output, bool verbose) {
  fmt::print("{:<9} {}  {:<20}  {}", output.name, passes(report, output) ? "PASS" : "FAIL", type_text(output),
             worst_text(output.tally, output.shape));
  if (!output.pass() && output.allowed_share > 0)
    fmt::print(" of {}, {:.1f} % may be", output.tally.elements, 100 * output.allowed_share);
  fmt::print("\n");
  if (verbose) fmt::print("{:<10}ulps  {}\n", "", output.ulps.text());
  const StageResult* bad = report.judgement ? report.judgement->first_bad_stage(output.name) : nullptr;
  if (bad != nullptr)
    fmt::print("{:<10}first bad stage: {}, in {}: {}\n", "", bad->stage, bad->tensor, worst_text(bad->tally, bad->shape));
}

void print_stages(const Judgement& judgement) {
  fmt::print("stages    on the kernel's own inputs of each, against worst-case bounds of f32 arithmetic\n");
  for (const StageResult& stage : judgement.stages)
    fmt::print("  {:<10}{}  {:<14} worst {:.2f} of its bound at {}, {} of {} outside\n", stage.stage,
               stage.pass() ? "PASS" : "FAIL", stage.tensor, std::max(0.0, stage.tally.worst_ratio),
               position_text(stage.tally.worst_index, stage.shape), stage.tally.outside, stage.tally.elements);
  if (judgement.rounding_tokens == 0) return;
  std::vector<std::string> errors;
  for (const auto& [output, error] : judgement.rounding) errors.push_back(fmt::format("{} {:.2f} %", output, 100 * error));
  fmt::print("rounding  {} from unquantized mathematics (root mean square, over {} tokens)\n", fmt::join(errors, ", "),
             judgement.rounding_tokens);
}

// What a verdict says of a program, by the names of the prover's checks.
const std::vector<std::string> kProven = {"integers",       "extents",      "bounds",     "coverage",
                                          "initialisation", "independence", "overwriting"};

std::string proof_text(const RunReport& report) {
  if (!report.proof) return "NONE: --unproven skipped it; this kernel may race, lose rows or leave its tensors";
  std::string text = fmt::format("for {}, {:.1f} ms{}", report.proven_sizes, 1e3 * report.proof->seconds,
                                 report.proof->from_cache ? " cached" : "");
  if (report.fusion)
    text += fmt::format("; again as optimized, {:.1f} ms{}: {}", 1e3 * report.fusion->proof.seconds,
                        report.fusion->proof.from_cache ? " cached" : "", fmt::join(kProven, ", "));
  return text;
}

std::string size_text(int64_t bytes) {
  if (bytes >= 1 << 20) return fmt::format("{:.4g} MiB", static_cast<double>(bytes) / (1 << 20));
  return fmt::format("{:.4g} KiB", static_cast<double>(bytes) / 1024);
}

// "44 MiB of token_x_fp32 2 MiB, ..."
std::string text_of(const std::vector<report::Temporary>& tensors) {
  std::vector<std::string> parts;
  int64_t sum = 0;
  for (const auto& [tensor, bytes] : tensors) parts.push_back(fmt::format("{} {}", tensor, size_text(bytes))), sum += bytes;
  return parts.empty() ? "none" : fmt::format("{} ({})", size_text(sum), fmt::join(parts, ", "));
}

std::string equality_text(const Fusion& fusion) {
  const equal::Result& result = fusion.equality;
  const std::string time = fmt::format("{:.1f} ms", 1e3 * fusion.equality_seconds);
  if (result.verdict == equal::Verdict::equal)
    return fmt::format("to the kernel as written in every bit, for {}, {}", result.sizes, time);
  return fmt::format("{}, {}; `imbrex equal --against-optimized` says more", name_of(result.verdict), time);
}

std::string fusion_text(const Fusion& fusion) {
  return fmt::format("{} scopes into {}\n          tensors gone {}\n          tensors kept {}", fusion.scopes_before,
                     fusion.scopes_after, text_of(fusion.tensors.gone), text_of(fusion.tensors.kept));
}

double gb_per_s(int64_t bytes, double seconds) { return static_cast<double>(bytes) / seconds / 1e9; }

void print_packed_file(const PackedFileReport& file) {
  const std::string path = with_visible_characters(file.path);
  if (!file.problem.empty()) fmt::print("packed    not mapped: '{}': {}\n", path, with_visible_characters(file.problem));
  if (file.is_mapped)
    fmt::print("packed    mapped from {} in {:.1f} ms\n", path, 1e3 * file.seconds);
  else if (file.why_not_kept.empty())
    fmt::print("packed    kept in {} in {:.1f} ms, for the next run\n", path, 1e3 * file.seconds);
  else
    fmt::print("packed    not kept: {}\n", with_visible_characters(file.why_not_kept));
}

void print_checkpoint(const CheckpointReport& from) {
  fmt::print("weights   of {}, layer {} ({}), {}\n", with_visible_characters(from.folder), from.layer, from.description,
             size_text(from.bytes));
  fmt::print("          load {:.1f} ms, convert {:.1f} ms, together {:.1f} GB/s", 1e3 * from.load_seconds,
             1e3 * from.convert_seconds, gb_per_s(from.bytes, from.load_seconds + from.convert_seconds));
  if (from.pack_seconds)
    fmt::print("; pack {:.1f} ms, {:.1f} GB/s of {}", 1e3 * *from.pack_seconds, gb_per_s(from.packed_bytes, *from.pack_seconds),
               size_text(from.packed_bytes));
  fmt::print("{}\n", from.file && from.file->is_mapped ? ", for the reference alone" : "");
  if (from.file) print_packed_file(*from.file);
}

void print_times(const RunReport& report) {
  std::vector<std::string> compile;
  if (report.compile_cold_seconds) compile.push_back(fmt::format("{:.1f} s cold", *report.compile_cold_seconds));
  if (report.compile_cached_seconds) compile.push_back(fmt::format("{:.1f} ms cached", 1e3 * *report.compile_cached_seconds));
  if (!compile.empty()) fmt::print("compile   {}\n", fmt::join(compile, ", "));
  if (report.seconds.empty()) return;
  const double time = median(report.seconds);
  const auto [least, most] = std::minmax_element(report.seconds.begin(), report.seconds.end());
  fmt::print("time      {:.3f} ms median ({:.3f} - {:.3f} of {}), {:.1f} GB/s", 1e3 * time, 1e3 * *least, 1e3 * *most,
             report.seconds.size(), report.bytes / time / 1e9);
  if (report.operations > 0) fmt::print(", {:.0f} GOP/s", report.operations / time / 1e9);
  const Limit& limit = report.limit;
  if (const std::string share = share_of_limit(time, limit.seconds); share != "-") fmt::print(", {} of the roofline", share);
  if (limit.seconds > 0) fmt::print("\nroofline  {:.3f} ms: {}", 1e3 * limit.seconds, limit.what);
  fmt::print("\n");
}

json json_of(const Tally& tally, const std::vector<int64_t>& shape) {
  // A difference from a NaN or an infinity has no number in JSON.
  const auto number = [](double value) { return std::isfinite(value) ? json(value) : json(fmt::format("{}", value)); };
  return {{"elements", tally.elements},
          {"outside", tally.outside},
          {"worst", number(tally.worst_difference)},
          {"worst_of_bound", number(tally.worst_ratio)},
          {"worst_at", position_text(tally.worst_index, shape)}};
}

}  // namespace

bool RunReport::pass() const {
  return bits_differ.empty() && (!judgement || judgement->pass()) &&
         std::all_of(outputs.begin(), outputs.end(), [](const OutputResult& output) { return output.pass(); });
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const size_t half = values.size() / 2;
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(half), values.end());
  if (values.size() % 2 == 1) return values[half];
  return (values[half] + *std::max_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(half))) / 2;
}

void print_screen(const RunReport& report, bool verbose) {
  std::vector<std::string> title = {with_visible_characters(report.kernel)};
  if (!report.preset.empty()) title.push_back(report.preset);
  if (!report.variant.empty()) title.push_back(report.variant);
  if (!report.changed.empty()) title.push_back(kernels::text_of(report.changed));
  const std::string sizes = sizes_text(report);
  if (!sizes.empty()) title.push_back(sizes);
  title.push_back(report.backend == "interpreter" ? "interpreter"
                                                  : fmt::format("{} on {}, {} thread{}", report.isa_description, report.machine,
                                                                report.threads, report.threads == 1 ? "" : "s"));
  fmt::print("{}\n", fmt::join(title, "  "));
  for (const OutputResult& output : report.outputs) print_output(report, output, verbose);
  if (report.checkpoint) print_checkpoint(*report.checkpoint);
  if (verbose && report.judgement) print_stages(*report.judgement);
  if (!report.bits.empty()) fmt::print("bits      identical: {}\n", report.bits);
  if (!report.bits_differ.empty()) fmt::print("bits      FAIL: they differ: {}\n", report.bits_differ);
  if (report.checked)
    fmt::print("checked   no fault: each access inside its tensor and after its write, each output complete, no race\n");
  fmt::print("proved    {}\n", proof_text(report));
  if (report.fusion) fmt::print("fused     {}\n", fusion_text(*report.fusion));
  if (report.fusion) fmt::print("equal     {}\n", equality_text(*report.fusion));
  if (!report.unfused_because.empty()) fmt::print("fused     nothing, runs as written: {}\n", report.unfused_because);
  if (verbose)
    for (const optimize::Defect& defect : report.defects) fmt::print("defect    {}\n", optimize::text_of(defect));
  print_times(report);
}

std::string json_of(const RunReport& report) {
  json out = {
      {"kernel", report.kernel}, {"variant", report.variant}, {"preset", report.preset}, {"options", json_of(report.options)},
      {"dims", report.dims},     {"backend", report.backend}, {"seed", report.seed},     {"compared_with", report.compared_with},
      {"pass", report.pass()}};
  if (report.backend == "host") out["isa"] = report.isa, out["machine"] = report.machine, out["threads"] = report.threads;
  if (const auto& from = report.checkpoint) {
    out["checkpoint"] = {{"folder", from->folder},
                         {"layer", from->layer},
                         {"rotation", from->description},
                         {"mib", static_cast<double>(from->bytes) / (1 << 20)},
                         {"load_ms", 1e3 * from->load_seconds},
                         {"convert_ms", 1e3 * from->convert_seconds}};
    if (from->pack_seconds) out["checkpoint"]["pack_ms"] = 1e3 * *from->pack_seconds;
    if (from->file)
      out["checkpoint"]["packed_file"] = {{"path", from->file->path},
                                          {"mapped", from->file->is_mapped},
                                          {"ms", 1e3 * from->file->seconds},
                                          {"problem", from->file->problem},
                                          {"why_not_kept", from->file->why_not_kept}};
  }
  out["outputs"] = json::array();
  for (const OutputResult& output : report.outputs) {
    json entry = json_of(output.tally, output.shape);
    entry.update(
        {{"name", output.name}, {"dtype", name_of(output.dtype)}, {"shape", output.shape}, {"pass", passes(report, output)}});
    entry["ulps"] = output.ulps.how_many;
    if (output.ulps.not_a_number > 0) entry["not_a_number"] = output.ulps.not_a_number;
    out["outputs"].push_back(entry);
  }
  if (report.judgement) {
    out["stages"] = json::array();
    for (const StageResult& stage : report.judgement->stages) {
      json entry = json_of(stage.tally, stage.shape);
      entry.update({{"stage", stage.stage}, {"tensor", stage.tensor}, {"pass", stage.pass()}});
      out["stages"].push_back(entry);
    }
    if (report.judgement->rounding_tokens > 0)
      for (const auto& [output, error] : report.judgement->rounding) out["error_of_rounding"][output] = error;
  }
  if (!report.bits.empty()) out["bits_equal"] = report.bits;
  if (!report.bits_differ.empty()) out["bits_differ"] = report.bits_differ;
  if (report.checked) out["checked"] = true;
  out["proven"] = report.proof.has_value();
  if (report.proof) out["proof_ms"] = 1e3 * report.proof->seconds, out["proof_cached"] = report.proof->from_cache;
  if (report.fusion) {
    const auto bytes_by_name = [](const std::vector<report::Temporary>& tensors) {
      json entries = json::object();
      for (const auto& [tensor, bytes] : tensors) entries[tensor] = bytes;
      return entries;
    };
    out["fused"] = {{"scopes_before", report.fusion->scopes_before},
                    {"scopes_after", report.fusion->scopes_after},
                    {"tensors_gone", bytes_by_name(report.fusion->tensors.gone)},
                    {"tensors_kept", bytes_by_name(report.fusion->tensors.kept)},
                    {"equality", name_of(report.fusion->equality.verdict)},
                    {"equality_ms", 1e3 * report.fusion->equality_seconds},
                    {"proof_ms", 1e3 * report.fusion->proof.seconds},
                    {"proof_cached", report.fusion->proof.from_cache},
                    {"checks", kProven}};
  }
  if (!report.unfused_because.empty()) out["unfused_because"] = report.unfused_because;
  out["optimizer_defects"] = json::array();
  for (const optimize::Defect& defect : report.defects) out["optimizer_defects"].push_back(optimize::text_of(defect));
  if (report.limit.seconds > 0) out["limit_ms"] = 1e3 * report.limit.seconds, out["limit_by"] = report.limit.what;
  if (report.compile_cold_seconds) out["compile_cold_s"] = *report.compile_cold_seconds;
  if (report.compile_cached_seconds) out["compile_cached_ms"] = 1e3 * *report.compile_cached_seconds;
  if (!report.seconds.empty()) {
    const auto [least, most] = std::minmax_element(report.seconds.begin(), report.seconds.end());
    const double time = median(report.seconds);
    out["time_ms"] = {{"median", 1e3 * time}, {"min", 1e3 * *least}, {"max", 1e3 * *most}, {"runs", report.seconds.size()}};
    out["gb_per_s"] = report.bytes / time / 1e9;
    if (report.operations > 0) out["gop_per_s"] = report.operations / time / 1e9;
  }
  return out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace imbrex::tools
