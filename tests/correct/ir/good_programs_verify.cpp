#include <gtest/gtest.h>

#include "correct/ir/corpus.h"
#include "imbrex/ir/hash.h"
#include "imbrex/ir/parse.h"
#include "imbrex/ir/verify.h"

namespace imbrex::ir {
namespace {

TEST(GoodPrograms, Verify) {
  for (const char* text : {corpus::kRmsNorm, corpus::kMatmul, corpus::kEverything})
    EXPECT_NO_THROW(verify_or_throw(parse(text, "a.tile")));
}

// FIPS 180-4, and a message of two blocks.
TEST(ContentHash, IsSha256) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(content_hash(parse(corpus::kRmsNorm, "a.tile")),
            content_hash(parse(std::string("# comment\n") + corpus::kRmsNorm, "b.tile")));
}

}  // namespace
}  // namespace imbrex::ir
