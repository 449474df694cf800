// What libFuzzer calls. Compiled with clang where there is one; see CMakeLists.txt in the folder above.
#include <algorithm>
#include <random>
#include <string_view>

#include "fuzz/checkpoint/coverage/one_input.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t most);

namespace {

constexpr std::string_view kTokens[] = {"0",
                                        "-1",
                                        "1",
                                        "2",
                                        "1.5",
                                        "1e-20",
                                        "1e999",
                                        "null",
                                        "true",
                                        "\"x\"",
                                        "[]",
                                        "{}",
                                        "9223372036854775807",
                                        "18446744073709551615",
                                        "4294967296"};

// The numbers, words and strings of a JSON text, by place and length.
std::vector<std::pair<size_t, size_t>> tokens_of(const std::string& text) {
  std::vector<std::pair<size_t, size_t>> tokens;
  for (size_t begin = 1; begin < text.size();) {
    size_t end = begin + 1;
    if (text[begin] == '"') {
      end = std::min(text.find('"', end), text.size() - 1) + 1;
    } else if (const size_t length = std::min(text.find_first_of(" \n\"{}[],:", begin), text.size()) - begin; length > 0) {
      end = begin + length;
    } else {
      ++begin;
      continue;
    }
    tokens.emplace_back(begin, end - begin);
    begin = end;
  }
  return tokens;
}

// One token exchanged for another, or a number for one near it, so that what was JSON mostly remains so.
std::string with_another_token(const std::string& text, std::minstd_rand& random) {
  const auto tokens = tokens_of(text);
  if (tokens.empty()) return text;
  const auto [at, length] = tokens[random() % tokens.size()];
  const std::string token = text.substr(at, length);
  std::string other(kTokens[random() % std::size(kTokens)]);
  if (random() % 3 == 0) {
    const auto [from, count] = tokens[random() % tokens.size()];
    other = text.substr(from, count);
  } else if (token.size() < 18 && token.find_first_not_of("0123456789") == std::string::npos && random() % 2 == 0) {
    other = std::to_string(std::stoll(token) + static_cast<long long>(random() % 5) - 2);
  }
  return text.substr(0, at) + other + text.substr(at + length);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static auto& checkpoint = *new imbrex::tests::CheckpointUnderAttack;  // never destroyed: the fuzzer ends as it likes
  checkpoint.try_input(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t most, unsigned seed) {
  std::minstd_rand random(seed);
  if (size == 0 || random() % 3 == 0) return LLVMFuzzerMutate(data, size, most);
  std::string text(reinterpret_cast<const char*>(data), size);
  for (unsigned edits = 1 + random() % 3; edits > 0; --edits) text = with_another_token(text, random);
  const size_t kept = std::min(text.size(), most);
  std::copy_n(text.begin(), kept, data);
  return kept;
}
