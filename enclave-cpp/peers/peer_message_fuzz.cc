// SPDX-License-Identifier: Apache-2.0
//
// Mutated SYN, SYN-ACK, DATA and RST, and made-up ones, in every phase: none crashes, none is
// accepted with altered content, no slot of the tree is lost, and afterwards the two sides can
// always connect. Inputs: SVR2_FUZZ_INPUTS; seed: SVR2_SEED, printed.

#include <gtest/gtest.h>

#include <cstdio>
#include <random>

#include "peers/frame.h"
#include "peers/peers_testing.h"
#include "util/seed_testing.h"

namespace svr2::peers {
namespace {

using Phase = Session::Phase;

class Fuzz {
 public:
  explicit Fuzz(uint64_t seed) : random_(seed), pair_(random_() >> 8) {}

  // One to four of: flip a bit, set a byte, cut, extend, double a part, remove a part, exchange
  // the kind.
  void Mutate(std::string* bytes) {
    for (size_t i = 0, n = 1 + Below(4); i < n; ++i) {
      const size_t at = bytes->empty() ? 0 : Below(bytes->size());
      switch (Below(7)) {
        case 0:
          if (!bytes->empty()) (*bytes)[at] = static_cast<char>((*bytes)[at] ^ (1 << Below(8)));
          break;
        case 1:
          if (!bytes->empty()) (*bytes)[at] = Byte();
          break;
        case 2:
          bytes->resize(at);
          break;
        case 3:
          bytes->append(1 + Below(40), Byte());
          break;
        case 4:
          bytes->insert(at, bytes->substr(Below(bytes->size() + 1), 1 + Below(20)));
          break;
        case 5:
          bytes->erase(at, 1 + Below(8));
          break;
        case 6:
          if (!bytes->empty()) (*bytes)[0] = static_cast<char>(Below(6));
          break;
      }
    }
  }

  // A message that the side `to` could get now from an honest peer.
  std::string NextFor(End* from, End* to) {
    if (from->phase() == Phase::kConnected && to->phase() == Phase::kConnected &&
        from->epoch() == to->epoch()) {
      return from->Encrypted(Text());
    }
    if (!pending_[to == pair_.low.get()].empty()) return pending_[to == pair_.low.get()];
    if (from->phase() == Phase::kConnected) return from->Encrypted(Text());
    return from->Connect();
  }

  void Step() {
    End* const to = Below(2) == 0 ? pair_.low.get() : pair_.high.get();
    End* const from = to == pair_.low.get() ? pair_.high.get() : pair_.low.get();
    Written original;
    original.message = NextFor(from, to);
    original.text = text_;
    Written chosen = original;
    // Now and then something of before, with or without the tag of now.
    if (Below(10) == 0 && !old_.empty()) chosen = old_[Below(old_.size())];
    std::string message = chosen.message;
    if (Below(10) == 0 && message.size() > kHeaderBytes) {
      message.replace(1, kTagBytes, original.message.substr(1, kTagBytes));
    }
    if (Below(3) == 0) Mutate(&message);
    if (Below(20) == 0) old_.push_back(original);
    if (old_.size() > 50) old_.erase(old_.begin());
    pending_[to == pair_.low.get()].clear();

    const Status status = to->Receive(message);
    ASSERT_NE(status, Status(proto::ERROR_INTEGRITY_MISMATCH));
    ++inputs_;
    if (status.ok()) ++accepted_;
    // Only what the peer wrote, in this session, comes out.
    if (to->received.has_data) {
      ASSERT_TRUE(status.ok());
      ASSERT_EQ(message, chosen.message);
      ASSERT_EQ(to->text(), chosen.text);
      ++data_;
    }
    pending_[from == pair_.low.get()] = to->received.answer;
    ASSERT_LE(to->tree->used(), Session::kMaxSlots);
    if (Below(15) == 0) CheckConnects();
  }

  // Whatever happened, the two can have a session.
  void CheckConnects() {
    pair_.low->Reset();
    pair_.high->Reset();
    ASSERT_EQ(pair_.low->tree->used(), 0u);
    ASSERT_EQ(pair_.high->tree->used(), 0u);
    pending_[0].clear();
    pending_[1].clear();
    if (Below(2) == 0) return;
    pair_.Connect();
    ASSERT_TRUE(Hears(pair_.low.get(), pair_.high.get()));
    ASSERT_TRUE(Hears(pair_.high.get(), pair_.low.get()));
  }

  uint64_t inputs() const { return inputs_; }
  uint64_t accepted() const { return accepted_; }
  uint64_t data() const { return data_; }

 private:
  size_t Below(size_t limit) { return static_cast<size_t>(random_() % limit); }
  char Byte() { return static_cast<char>(random_()); }
  const std::string& Text() {
    text_.assign(Below(20) == 0 ? Below(3 * kMaxPieceBytes) : 1 + Below(300), Byte());
    return text_;
  }

  struct Written {
    std::string message;
    std::string text;
  };

  std::mt19937_64 random_;
  Pair pair_;
  // What the other side answered last, by receiver: 1 for the lower id.
  std::string pending_[2];
  std::vector<Written> old_;
  std::string text_;
  uint64_t inputs_ = 0;
  uint64_t accepted_ = 0;
  uint64_t data_ = 0;
};

// A handshake costs a millisecond and more under sanitizers: a tenth of the inputs.
TEST(PeerMessageFuzz, EveryKindInEveryPhase) {
  Fuzz fuzz(util::TestSeed());
  const uint64_t inputs = util::FuzzInputs(100'000) / 10 + 1;
  while (fuzz.inputs() < inputs) ASSERT_NO_FATAL_FAILURE(fuzz.Step());
  ASSERT_NO_FATAL_FAILURE(fuzz.CheckConnects());
  std::printf("peers: %llu messages, %llu of them accepted, %llu with data\n",
              static_cast<unsigned long long>(fuzz.inputs()),
              static_cast<unsigned long long>(fuzz.accepted()),
              static_cast<unsigned long long>(fuzz.data()));
}

// What is inside DATA comes from an attested enclave, and is still not believed.
TEST(PeerMessageFuzz, Frames) {
  std::mt19937_64 random(util::TestSeed());
  const uint64_t inputs = util::FuzzInputs(100'000);
  uint64_t items = 0;
  for (uint64_t i = 0; i < inputs; ++i) {
    util::Bytes bytes(random() % 100);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random() % 4 == 0 ? random() : 0);
    if (!bytes.empty()) bytes[0] = static_cast<uint8_t>(random() % 5);
    bytes.shrink_to_fit();
    FrameReader reader{util::ByteView(bytes)};
    while (!reader.done()) {
      const Result<FrameItem> item = reader.Next();
      if (!item.ok()) break;
      ++items;
      ParsedHead<proto::PeerRequest> request;
      ParsedHead<proto::PeerReply> reply;
      if (item->kind == ItemKind::kRequest) (void)ParseRequest(*item, &request).ok();
      if (item->kind == ItemKind::kReply) (void)ParseReply(*item, &reply).ok();
    }
    ASSERT_TRUE(reader.done());
  }
  std::printf("frames: %llu, with %llu items that could be read\n",
              static_cast<unsigned long long>(inputs), static_cast<unsigned long long>(items));
}

}  // namespace
}  // namespace svr2::peers
