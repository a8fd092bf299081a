// SPDX-License-Identifier: Apache-2.0
//
// Hashes, HMAC, HKDF, BLAKE2b and SipHash against the vectors of their definitions, and pieces
// against one-shot. Wycheproof's vectors are in wycheproof_test.cc.

#include "crypto/hash.h"

#include <gtest/gtest.h>

#include <numeric>
#include <string>

#include "crypto/init.h"
#include "util/hex_testing.h"

namespace svr2::crypto {
namespace {

using util::Bytes;
using util::ByteView;
using util::FromHex;
using util::ToHex;

// 0, 1, 2, …
Bytes Counting(size_t size) {
  Bytes out(size);
  std::iota(out.begin(), out.end(), uint8_t{0});
  return out;
}

ByteView Text(const std::string& text) { return ByteView(text); }

class HashTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(Init().ok()); }
};

// FIPS 180-4, examples of NIST.
TEST_F(HashTest, Sha256) {
  EXPECT_EQ(ToHex(Sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(ToHex(Sha256(Text("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(ToHex(Sha256(Text("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST_F(HashTest, Sha256InPieces) {
  const Bytes data = Counting(200);
  for (size_t cut = 0; cut <= data.size(); ++cut) {
    Sha256Hasher hasher;
    hasher.Update(ByteView(data).Sub(0, cut));
    hasher.Update(ByteView(data).From(cut));
    ASSERT_EQ(hasher.Final(), Sha256(data)) << cut;
  }
}

TEST_F(HashTest, UseAfterFinalStopsTheProgram) {
  Sha256Hasher sha;
  (void)sha.Final();
  EXPECT_DEATH(sha.Update({}), "");
  EXPECT_DEATH((void)sha.Final(), "");
  Blake2bHasher blake(Counting(32), 32);
  uint8_t out[32];
  blake.Final(out);
  EXPECT_DEATH(blake.Update({}), "");
  EXPECT_DEATH(blake.Final(out), "");
}

// RFC 4231, test cases 1, 2 and 6 (a key longer than a block).
TEST_F(HashTest, HmacSha256) {
  EXPECT_EQ(ToHex(HmacSha256(Bytes(20, 0x0b), Text("Hi There"))),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(ToHex(HmacSha256(Text("Jefe"), Text("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(ToHex(HmacSha256(Bytes(131, 0xaa),
                             Text("Test Using Larger Than Block-Size Key - Hash Key First"))),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

std::string HkdfHex(const Bytes& ikm, const Bytes& salt, const Bytes& info, size_t size) {
  Bytes out(size);
  EXPECT_TRUE(Hkdf(ikm, salt, info, out.data(), size).ok());
  return ToHex(out);
}

// RFC 5869, appendix A.1 to A.3.
TEST_F(HashTest, Hkdf) {
  EXPECT_EQ(HkdfHex(Bytes(22, 0x0b), FromHex("000102030405060708090a0b0c"),
                    FromHex("f0f1f2f3f4f5f6f7f8f9"), 42),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
  EXPECT_EQ(ToHex(HkdfExtract(FromHex("000102030405060708090a0b0c"), Bytes(22, 0x0b)).view()),
            "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
  const Bytes all = Counting(256);
  EXPECT_EQ(
      HkdfHex(Bytes(all.begin(), all.begin() + 0x50), Bytes(all.begin() + 0x60, all.begin() + 0xb0),
              Bytes(all.begin() + 0xb0, all.end()), 82),
      "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c"
      "65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87");
  EXPECT_EQ(HkdfHex(Bytes(22, 0x0b), {}, {}, 42),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

TEST_F(HashTest, HkdfSizes) {
  Bytes out(kHkdfMaxBytes + 1);
  EXPECT_TRUE(Hkdf(Counting(32), {}, {}, out.data(), kHkdfMaxBytes).ok());
  Bytes shorter(33);
  EXPECT_TRUE(Hkdf(Counting(32), {}, {}, shorter.data(), shorter.size()).ok());
  EXPECT_EQ(ByteView(out).Sub(0, shorter.size()), ByteView(shorter));
  Bytes untouched(kHkdfMaxBytes + 1, 0x11);
  EXPECT_EQ(Hkdf(Counting(32), {}, {}, untouched.data(), untouched.size()),
            proto::ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(untouched, Bytes(kHkdfMaxBytes + 1, 0x11));
}

// Noise, revision 34, §4.3: HKDF(ck, ikm, n) is RFC 5869 with salt ck and empty info, cut in 32s.
TEST_F(HashTest, NoiseHkdfIsHkdf) {
  const util::Secret<32> chaining_key{ByteView(Counting(32))};
  for (const size_t size : {size_t{0}, size_t{32}}) {
    const Bytes ikm(size, 0x33);
    const std::string expected = HkdfHex(ikm, chaining_key.view().ToBytes(), {}, 96);
    util::Secret<32> a, b, c;
    NoiseHkdf(chaining_key, ikm, &a, &b);
    EXPECT_EQ(ToHex(a.view()) + ToHex(b.view()), expected.substr(0, 128));
    NoiseHkdf(chaining_key, ikm, &a, &b, &c);
    EXPECT_EQ(ToHex(a.view()) + ToHex(b.view()) + ToHex(c.view()), expected);
    // The chaining key itself may be an output.
    util::Secret<32> in_place = chaining_key;
    NoiseHkdf(in_place, ikm, &in_place, &b);
    EXPECT_EQ(ToHex(in_place.view()) + ToHex(b.view()), expected.substr(0, 128));
  }
}

// From the reference known answers of BLAKE2 (blake2b-kat), and Python's hashlib for other sizes.
TEST_F(HashTest, Blake2b) {
  EXPECT_EQ(ToHex(Blake2b<64>(Counting(64), {})),
            "10ebb67700b1868efb4417987acf4690ae9d972fb7a590c2f02871799aaa4786"
            "b5e996e8f0f4eb981fc214b005f42d2ff4233499391653df7aefcbc13fc51568");
  EXPECT_EQ(ToHex(Blake2b<64>(Counting(64), Counting(1))),
            "961f6dd1e4dd30f63901690c512e78e4b45e4742ed197c3c5e45c549fd25f2e4"
            "187b0bc9fe30492b16b0d0bc4ef9b0f34c7003fac09a5ef1532e69430234cebd");
  EXPECT_EQ(ToHex(Blake2b<32>(Counting(32), Counting(100))),
            "5c0ab21018b1328b7612b997a8899146f97aab2dc0a3d8f7113717558bf25e5a");
  EXPECT_EQ(ToHex(Blake2b<16>(Counting(16), Counting(100))), "477749025b740bb26a2e4f205977da8c");
}

TEST_F(HashTest, Blake2bInPieces) {
  const Bytes data = Counting(250);
  for (size_t cut = 0; cut <= data.size(); ++cut) {
    Blake2bHasher hasher(Counting(32), 24);
    hasher.Update(ByteView(data).Sub(0, cut));
    hasher.Update(ByteView(data).From(cut));
    std::array<uint8_t, 24> out;
    hasher.Final(out.data());
    ASSERT_EQ(out, Blake2b<24>(Counting(32), data)) << cut;
  }
}

TEST_F(HashTest, Blake2bSizesAreAsserted) {
  uint8_t out[65];
  EXPECT_DEATH(Blake2b(Counting(15), {}, out, 32), "");
  EXPECT_DEATH(Blake2b(Counting(65), {}, out, 32), "");
  EXPECT_DEATH(Blake2b(Counting(32), {}, out, 15), "");
  EXPECT_DEATH(Blake2b(Counting(32), {}, out, 65), "");
  EXPECT_DEATH(Blake2bHasher(Counting(15), 32), "");
  EXPECT_DEATH(Blake2bHasher(Counting(32), 65), "");
}

// From the reference implementation's vectors (vectors_sip128).
TEST_F(HashTest, SipHash128) {
  const util::Secret<16> key{ByteView(Counting(16))};
  EXPECT_EQ(ToHex(SipHash128(key, {})), "a3817f04ba25a8e66df67214c7550293");
  EXPECT_EQ(ToHex(SipHash128(key, Counting(1))), "da87c1d86b99af44347659119b22fc45");
}

}  // namespace
}  // namespace svr2::crypto
