// SPDX-License-Identifier: Apache-2.0
//
// DATA under way: repeated, reordered, lost, cut, exchanged, altered; its pieces and bounds.
// Sentences in quotes are from protocol.md §5.

#include "peers/link.h"

#include <gtest/gtest.h>

#include "peers/peers_testing.h"

namespace svr2::peers {
namespace {

using Phase = Session::Phase;

class PeerData : public testing::Test {
 protected:
  PeerData() { pair_.Connect(); }

  // The message ends the session, and both sides know.
  void ExpectRefused(const std::string& message, Error error) {
    EXPECT_EQ(high().Receive(message).error(), error);
    EXPECT_FALSE(high().received.has_data);
    EXPECT_TRUE(high().received.data.empty());
    EXPECT_TRUE(high().received.disconnected);
    EXPECT_EQ(high().phase(), Phase::kIdle);
    EXPECT_EQ(high().tree->used(), 0u);
    ASSERT_TRUE(low().Receive(high().received.answer).ok());
    EXPECT_TRUE(low().received.disconnected);
    EXPECT_EQ(low().phase(), Phase::kIdle);
  }

  End& low() { return *pair_.low; }
  End& high() { return *pair_.high; }

  Pair pair_;
};

// "the receiver enforces the counter"
TEST_F(PeerData, ARepeatedMessageIsRefused) {
  const std::string message = low().Encrypted("once");
  ASSERT_TRUE(high().Receive(message).ok());
  ExpectRefused(message, proto::ERROR_PEERS_OUT_OF_ORDER);
}

TEST_F(PeerData, AnExchangedOrderIsRefused) {
  low().Encrypted("first");
  ExpectRefused(low().Encrypted("second"), proto::ERROR_PEERS_OUT_OF_ORDER);
}

TEST_F(PeerData, TheCounterOnTheWireIsNotBelieved) {
  low().Encrypted("first");
  std::string second = low().Encrypted("second");
  // Makes the second look like the next: its key then differs.
  second[kHeaderBytes + 7] = static_cast<char>(second[kHeaderBytes + 7] - 1);
  ExpectRefused(second, proto::ERROR_CRYPTO_DECRYPT_FAILED);
}

TEST_F(PeerData, AMessageIsNotReflected) {
  const std::string message = low().Encrypted("to you");
  // Ours own message, come back to us: another direction's key.
  EXPECT_FALSE(low().Receive(message).ok());
  EXPECT_EQ(low().phase(), Phase::kIdle);
}

TEST_F(PeerData, AnyFlippedBitIsRefused) {
  const std::string probe = low().Encrypted("a secret");
  for (size_t bit = 0; bit < 8 * probe.size(); ++bit) {
    Pair pair(2);
    pair.Connect();
    std::string message = pair.low->Encrypted("a secret");
    ASSERT_EQ(message.size(), probe.size());
    message[bit / 8] = static_cast<char>(message[bit / 8] ^ (1 << (bit % 8)));
    const Status status = pair.high->Receive(message);
    EXPECT_FALSE(pair.high->received.has_data) << bit;
    // The kind byte may turn it into a RST of wrong size or a SYN; the tag into another session's.
    EXPECT_FALSE(status.ok()) << bit;
    EXPECT_EQ(pair.high->phase(), bit < 8 * kHeaderBytes ? Phase::kConnected : Phase::kIdle) << bit;
  }
}

TEST_F(PeerData, EveryTruncationAndExtensionIsRefused) {
  const size_t size = low().Encrypted("a secret").size();
  for (size_t length = kHeaderBytes; length <= size + 3; ++length) {
    if (length == size) continue;
    Pair pair(3);
    pair.Connect();
    std::string message = pair.low->Encrypted("a secret");
    message.resize(length, 'x');
    const Status status = pair.high->Receive(message);
    EXPECT_FALSE(status.ok()) << length;
    EXPECT_EQ(pair.high->phase(), Phase::kIdle) << length;
  }
}

TEST_F(PeerData, AllSizesArrive) {
  for (const size_t size :
       {size_t{0}, size_t{1}, size_t{200}, size_t{4096}, kMaxPieceBytes - 1, kMaxPieceBytes,
        kMaxPieceBytes + 1, 2 * kMaxPieceBytes, 3 * kMaxPieceBytes - 1, kMaxPlaintextBytes}) {
    SCOPED_TRACE(size);
    std::string text(size, '\0');
    for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 31 + i / 1000);
    const std::string message = low().Encrypted(text);
    EXPECT_EQ(message.size(), DataMessageBytes(size));
    ASSERT_TRUE(high().Receive(message).ok());
    EXPECT_EQ(high().received.has_data, size != 0);
    EXPECT_TRUE(high().text() == text);
    EXPECT_EQ(high().received.pieces, size == 0 ? 1 : (size + kMaxPieceBytes - 1) / kMaxPieceBytes);
  }
  EXPECT_TRUE(Hears(&high(), &low()));
}

TEST_F(PeerData, WhatIsTooLargeIsNotSent) {
  std::string message;
  EXPECT_EQ(low().Encrypt(std::string(kMaxPlaintextBytes + 1, 'x'), &message),
            Status(proto::ERROR_PEERS_MESSAGE_TOO_LARGE));
  EXPECT_EQ(message, "");
  EXPECT_TRUE(Hears(&low(), &high()));
}

TEST_F(PeerData, WhatIsTooLargeIsNotLookedAt) {
  std::string message = low().Encrypted(std::string(kMaxPlaintextBytes, 'x'));
  message.push_back('x');
  ExpectRefused(message, proto::ERROR_PEERS_MESSAGE_TOO_LARGE);
}

// Memory grows with what has been authenticated.
TEST_F(PeerData, ALargeMessageThatDoesNotVerifyTakesOnePieceOfMemory) {
  std::string message = low().Encrypted(std::string(kMaxPlaintextBytes, 'x'));
  message[kHeaderBytes + kPieceOverheadBytes] ^= 1;
  ExpectRefused(message, proto::ERROR_CRYPTO_DECRYPT_FAILED);
  EXPECT_LE(high().received.data.capacity(), kMaxPieceBytes);
}

// "a flag under authentication marks the last piece"
TEST_F(PeerData, TheLastPieceCannotBeLeftOut) {
  std::string message = low().Encrypted(std::string(2 * kMaxPieceBytes + 10, 'x'));
  // Whole pieces remain.
  message.resize(kHeaderBytes + 2 * (kMaxPieceBytes + kPieceOverheadBytes));
  ExpectRefused(message, proto::ERROR_CRYPTO_DECRYPT_FAILED);
}

TEST_F(PeerData, TwoMessagesDoNotMakeOne) {
  const std::string first = low().Encrypted(std::string(kMaxPieceBytes, 'x'));
  const std::string second = low().Encrypted("y");
  ExpectRefused(first + second.substr(kHeaderBytes), proto::ERROR_CRYPTO_DECRYPT_FAILED);
}

TEST_F(PeerData, PiecesCannotBeExchanged) {
  std::string message = low().Encrypted(std::string(3 * kMaxPieceBytes, 'x'));
  const size_t piece = kMaxPieceBytes + kPieceOverheadBytes;
  const std::string first = message.substr(kHeaderBytes, piece);
  message.replace(kHeaderBytes, piece, message.substr(kHeaderBytes + piece, piece));
  message.replace(kHeaderBytes + piece, piece, first);
  ExpectRefused(message, proto::ERROR_PEERS_OUT_OF_ORDER);
}

TEST_F(PeerData, AMessageOfAnotherSessionIsRefusedWithoutHarm) {
  const std::string old = low().Encrypted("old");
  low().Reset();
  high().Reset();
  pair_.Connect();
  EXPECT_EQ(high().Receive(old), Status(proto::ERROR_PEERS_NOT_CONNECTED));
  EXPECT_FALSE(high().received.disconnected);
  ASSERT_TRUE(low().Receive(high().received.answer).ok());
  EXPECT_FALSE(low().received.disconnected);
  EXPECT_TRUE(Hears(&low(), &high()));
  // With the tag of this one it is an attack.
  std::string retagged = old;
  const std::string now = low().Encrypted("now");
  retagged.replace(1, kTagBytes, now.substr(1, kTagBytes));
  EXPECT_FALSE(high().Receive(retagged).ok());
  EXPECT_TRUE(high().received.disconnected);
}

TEST_F(PeerData, TheFirstMessageUnderACandidatesKeysMustVerify) {
  Pair pair(5);
  ASSERT_TRUE(pair.high->Receive(pair.low->Connect()).ok());
  ASSERT_TRUE(pair.low->Receive(pair.high->received.answer).ok());
  std::string confirmation = pair.low->received.answer;
  confirmation.back() = static_cast<char>(confirmation.back() ^ 1);
  EXPECT_EQ(pair.high->Receive(confirmation), Status(proto::ERROR_CRYPTO_DECRYPT_FAILED));
  EXPECT_FALSE(pair.high->received.connected);
  EXPECT_FALSE(pair.high->received.disconnected);
  EXPECT_EQ(pair.high->phase(), Phase::kIdle);
}

TEST_F(PeerData, ALostConfirmationIsNoticed) {
  Pair pair(5);
  ASSERT_TRUE(pair.high->Receive(pair.low->Connect()).ok());
  ASSERT_TRUE(pair.low->Receive(pair.high->received.answer).ok());
  EXPECT_EQ(pair.high->Receive(pair.low->Encrypted("second")),
            Status(proto::ERROR_PEERS_OUT_OF_ORDER));
  EXPECT_FALSE(pair.high->received.connected);
}

}  // namespace
}  // namespace svr2::peers
