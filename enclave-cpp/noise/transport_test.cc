// SPDX-License-Identifier: Apache-2.0
//
// The framing of client traffic (protocol.md §1): sizes at every border, order, and the end of a
// session at the first failure.

#include "noise/transport.h"

#include <gtest/gtest.h>

#include "noise/noise_testing.h"

namespace svr2::noise {
namespace {

using util::Bytes;
using util::ByteView;

constexpr size_t kBorders[] = {0,      1,      15,     16,     17,     100,    65518,
                               65519,  65520,  65521,  65535,  65536,  131037, 131038,
                               131039, 131040, 131072, 196557, 196558, 1000000};

Bytes Pattern(size_t size) {
  Bytes out(size);
  for (size_t i = 0; i < size; ++i) out[i] = static_cast<uint8_t>(i * 31 + i / 251);
  return out;
}

class TransportTest : public testing::Test {
 protected:
  void SetUp() override {
    Ends ends(&kPatternNk, crypto::Aead::kChaCha20Poly1305);
    auto [a, b] = ends.Connect();
    sender_ = std::move(a.send);
    receiver_ = std::move(b.receive);
  }
  Bytes Seal(const Bytes& plaintext) {
    Bytes out(TransportCiphertextBytes(plaintext.size()));
    Must(TransportEncrypt(&sender_, plaintext, out.data()));
    return out;
  }
  // Nothing more is read on this session, and nothing of `ciphertext` has come out.
  void ExpectRefused(const Bytes& ciphertext, Error error) {
    Bytes out(ciphertext.size(), 0xee);
    EXPECT_EQ(TransportDecrypt(&receiver_, ciphertext, out.data()), error);
    const Result<size_t> size = TransportPlaintextBytes(ciphertext.size());
    if (size.ok()) {
      EXPECT_EQ(ByteView(out).Sub(0, *size), ByteView(Bytes(*size, 0)));
    }
    EXPECT_FALSE(receiver_.has_key());
    EXPECT_EQ(TransportDecrypt(&receiver_, Bytes(kTagBytes), out.data()),
              proto::ERROR_NOISE_BAD_STATE);
  }

  CipherState sender_;
  CipherState receiver_;
};

TEST_F(TransportTest, SizesAsProtocolSection1Says) {
  EXPECT_EQ(kMaxPieceBytes, 65519u);
  EXPECT_EQ(TransportCiphertextBytes(0), 16u);
  EXPECT_EQ(TransportCiphertextBytes(1), 17u);
  EXPECT_EQ(TransportCiphertextBytes(65519), 65535u);
  EXPECT_EQ(TransportCiphertextBytes(65520), 65535u + 17u);
  EXPECT_EQ(TransportCiphertextBytes(131038), 2 * 65535u);
  EXPECT_EQ(TransportCiphertextBytes(131039), 2 * 65535u + 17u);
}

TEST_F(TransportTest, WhatIsSealedOpensAtEveryBorder) {
  uint64_t pieces = 0;
  for (const size_t size : kBorders) {
    const Bytes plaintext = Pattern(size);
    const Bytes sealed = Seal(plaintext);
    ASSERT_EQ(Must(TransportPlaintextBytes(sealed.size())), size);
    Bytes opened(size);
    ASSERT_TRUE(TransportDecrypt(&receiver_, sealed, opened.data()).ok());
    ASSERT_EQ(opened, plaintext) << size;
    pieces += size == 0 ? 1 : (size + 65518) / 65519;
    EXPECT_EQ(sender_.counter(), pieces);
    EXPECT_EQ(receiver_.counter(), pieces);
  }
}

TEST_F(TransportTest, PiecesAreNoiseMessagesInOrder) {
  const Bytes plaintext = Pattern(65520);
  const Bytes sealed = Seal(plaintext);
  Bytes first(65519);
  Bytes second(1);
  ASSERT_TRUE(receiver_.DecryptWithAd({}, ByteView(sealed).Sub(0, 65535), first.data()).ok());
  ASSERT_TRUE(receiver_.DecryptWithAd({}, ByteView(sealed).From(65535), second.data()).ok());
  EXPECT_EQ(ByteView(first), ByteView(plaintext).Sub(0, 65519));
  EXPECT_EQ(second[0], plaintext[65519]);
}

TEST_F(TransportTest, EveryCiphertextSizeHasOnePlaintextSizeOrIsRefused) {
  size_t next_plaintext = 0;
  for (size_t size = 0; size < 3 * kMaxMessageBytes; ++size) {
    const Result<size_t> plaintext = TransportPlaintextBytes(size);
    if (TransportCiphertextBytes(next_plaintext) == size) {
      ASSERT_TRUE(plaintext.ok()) << size;
      ASSERT_EQ(*plaintext, next_plaintext);
      ++next_plaintext;
    } else {
      ASSERT_EQ(plaintext.error(), proto::ERROR_NOISE_MALFORMED_MESSAGE) << size;
    }
  }
  EXPECT_GT(next_plaintext, 190000u);
}

TEST_F(TransportTest, ImpossibleSizesEndTheSession) {
  for (const size_t size : {size_t{0}, size_t{15}, size_t{65536}, size_t{65535 + 16}}) {
    SetUp();
    ExpectRefused(Bytes(size), proto::ERROR_NOISE_MALFORMED_MESSAGE);
  }
}

TEST_F(TransportTest, EveryAlteredByteEndsTheSession) {
  for (size_t at = 0; at < 40 + kTagBytes; ++at) {
    SetUp();
    Bytes sealed = Seal(Pattern(40));
    sealed[at] ^= 0x01;
    ExpectRefused(sealed, proto::ERROR_NOISE_DECRYPT_FAILED);
  }
}

TEST_F(TransportTest, AnAlteredSecondPieceGivesNothingOfTheFirst) {
  Bytes sealed = Seal(Pattern(65519 + 10));
  sealed.back() ^= 0x01;
  ExpectRefused(sealed, proto::ERROR_NOISE_DECRYPT_FAILED);
}

TEST_F(TransportTest, SwappedPiecesAreRefused) {
  const Bytes sealed = Seal(Pattern(2 * 65519));
  Bytes swapped(sealed.begin() + 65535, sealed.end());
  swapped.insert(swapped.end(), sealed.begin(), sealed.begin() + 65535);
  ExpectRefused(swapped, proto::ERROR_NOISE_DECRYPT_FAILED);
}

TEST_F(TransportTest, RepeatedMessagesAreRefused) {
  const Bytes sealed = Seal(Pattern(10));
  Bytes out(10);
  ASSERT_TRUE(TransportDecrypt(&receiver_, sealed, out.data()).ok());
  ExpectRefused(sealed, proto::ERROR_NOISE_DECRYPT_FAILED);
}

TEST_F(TransportTest, ASenderAtTheEndOfItsCounterEndsTheSession) {
  CipherState sender(crypto::Aead::kChaCha20Poly1305, crypto::AeadKey(),
                     CipherState::kCounterLimit - 1);
  // Two pieces, one number left.
  Bytes out(TransportCiphertextBytes(65520));
  EXPECT_EQ(TransportEncrypt(&sender, Bytes(65520), out.data()),
            proto::ERROR_CRYPTO_NONCE_EXHAUSTED);
  EXPECT_FALSE(sender.has_key());
  EXPECT_EQ(TransportEncrypt(&sender, Bytes(1), out.data()), proto::ERROR_NOISE_BAD_STATE);
}

}  // namespace
}  // namespace svr2::noise
