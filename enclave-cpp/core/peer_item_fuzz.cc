// SPDX-License-Identifier: Apache-2.0
//
// The border to the host once more: what it carries between enclaves (PeerInput). Messages of real
// replicas, SYN, SYN-ACK, DATA and RST, are altered, cut, repeated, held back and exchanged between
// a member and two others, one of which is just joining. Whatever happens to those sessions, the
// ones with the fourth replica stand, nobody stops, and with the last mutation the group serves as
// before. Inputs: SVR2_FUZZ_INPUTS; seed: SVR2_SEED, printed.

#include <gtest/gtest.h>

#include "core/fuzz_testing.h"
#include "core/hosts_testing.h"
#include "peers/wire.h"
#include "util/seed_testing.h"

namespace svr2::core {
namespace {

constexpr uint64_t kCheckEachInputs = 500;
constexpr size_t kMaxKept = 64;

const char kData[] = "a secret of 32 bytes, quite enou";

// Nobody is demoted or removed for being silent, which would be right but is not meant here.
proto::EnclaveConfig PatientConfig() {
  proto::EnclaveConfig config = GroupTestConfig();
  config.set_replica_voting_timeout_ticks(1'000'000);
  config.set_replica_membership_timeout_ticks(1'000'000);
  return config;
}

class PeerFuzz {
 public:
  explicit PeerFuzz(uint64_t seed) : group_(PatientConfig()), choose_(seed) {
    group_.Form(3);
    group_.Tick(5);
    resets_ = group_.host(kUntouched).GetCounter(proto::COUNTER_PEER_RESETS);
    group_.Filter([this](size_t from, size_t to, std::string* data) {
      return !mutating_ || !Hostile(from, to) || Carry(from, to, data);
    });
  }

  void Run(uint64_t inputs) {
    mutating_ = true;
    ASSERT_EQ(group_.Join({kVictim}), 3u);
    for (uint64_t next_check = kCheckEachInputs; inputs_ < inputs;) {
      SCOPED_TRACE(inputs_);
      OneStep();
      ASSERT_TRUE(taken_) << "an item spoilt its message";
      if (inputs_ < next_check) continue;
      next_check += kCheckEachInputs;
      ASSERT_NO_FATAL_FAILURE(Check());
    }
    ASSERT_NO_FATAL_FAILURE(Check());
    std::printf("peer items: %llu mutated; of kind", static_cast<unsigned long long>(inputs_));
    for (size_t kind = 1; kind <= 4; ++kind) {
      std::printf(" %zu: %llu", kind, static_cast<unsigned long long>(kinds_[kind]));
      EXPECT_GT(kinds_[kind], 0u);
    }
    std::printf("\n");
  }

 private:
  static constexpr size_t kVictim = 0;
  static constexpr size_t kUntouched = 1;

  static bool Hostile(size_t from, size_t to) {
    return from != kUntouched && to != kUntouched && (from == kVictim || to == kVictim);
  }

  struct Kept {
    size_t from;
    size_t to;
    std::string data;
  };

  void Hand(size_t from, size_t to, const std::string& data) {
    ++inputs_;
    const size_t kind = data.empty() ? 0 : static_cast<uint8_t>(data[0]);
    if (kind < 5) ++kinds_[kind];
    proto::HostToEnclaveMessage message;
    message.add_items()->mutable_peer()->set_peer_id(group_.id(from));
    message.mutable_items(0)->mutable_peer()->set_data(data);
    taken_ &= group_.host(to).Input(message).ok();
  }

  // What the host does with one message; false when it is not to be delivered after this.
  bool Carry(size_t from, size_t to, std::string* data) {
    if (kept_.size() < kMaxKept) {
      kept_.push_back(Kept{from, to, *data});
    } else {
      kept_[choose_.Below(kMaxKept)] = Kept{from, to, *data};
    }
    // Sessions have to get somewhere, too: handshakes have two more messages to go.
    const size_t kind = static_cast<uint8_t>((*data)[0]);
    if (!choose_.OneIn(kind == 3 ? 10 : 4)) return true;
    std::string altered = *data;
    switch (choose_.Below(7)) {
      case 0:
      case 1:
        choose_.Mutate(&altered);
        Hand(from, to, altered);
        return choose_.OneIn(2);
      case 2:
        altered.resize(choose_.Below(altered.size()));
        Hand(from, to, altered);
        return choose_.OneIn(2);
      case 3:
        Hand(from, to, altered);
        return true;
      case 4: {
        // Something older first, perhaps of another session, of the other direction or peer.
        const Kept old = kept_[choose_.Below(kept_.size())];
        Hand(choose_.OneIn(4) ? old.to : from, to, old.data);
        return true;
      }
      case 5:
        // The header of a message that lives, and nothing sensible behind it.
        altered.resize(std::min(altered.size(), peers::kHeaderBytes));
        altered[0] = static_cast<char>(1 + choose_.Below(4));
        altered += choose_.Bytes(choose_.OneIn(3) ? 0 : choose_.Below(3000));
        Hand(from, to, altered);
        return true;
      default:
        ++inputs_;
        return false;  // Lost, without a word to anyone.
    }
  }

  void OneStep() {
    proto::HostRequest erase;
    erase.mutable_delete_backup()->set_backup_id(BackupIdOf(choose_.Below(1000)));
    (void)group_.host(choose_.Below(3)).Begin(std::move(erase));
    if (choose_.OneIn(3)) {
      group_.Tick();
    } else {
      group_.Settle();
    }
    if (choose_.OneIn(4) && !kept_.empty()) {
      const Kept old = kept_[choose_.Below(kept_.size())];
      Hand(old.from, old.to, old.data);
    }
    // An enclave that is none, or ourselves.
    if (choose_.OneIn(50)) {
      proto::HostToEnclaveMessage message;
      proto::PeerInput* input = message.add_items()->mutable_peer();
      input->set_peer_id(choose_.OneIn(4) ? group_.id(kVictim) : choose_.Bytes(32));
      input->set_data(kept_.empty() ? "" : kept_[choose_.Below(kept_.size())].data);
      taken_ &= group_.host(kVictim).Input(message).ok();
      ++inputs_;
    }
    for (size_t i = 0; i < group_.size(); ++i) group_.host(i).replies().clear();
  }

  void Check() {
    mutating_ = false;
    for (size_t i = 0; i < group_.size(); ++i) {
      ASSERT_TRUE(group_.alive(i)) << i;
      ASSERT_FALSE(CorePeer::Locked(&group_.host(i).core())) << i;
    }
    // Not one session of this replica ended: garbage costs nobody else anything.
    ASSERT_EQ(group_.host(kUntouched).GetCounter(proto::COUNTER_PEER_RESETS), resets_);
    ASSERT_TRUE(group_.TickUntil([&] {
      for (size_t i = 0; i < group_.size(); ++i) {
        if (!group_.host(i).GetStatus().serving()) return false;
      }
      return true;
    }));
    group_.Tick(25);  // A timestamp a pair: what was lost for good has shown by then.
    for (size_t i = 0; i < group_.size(); ++i) {
      TestClient client = TestClient::Connected(&group_.host(i), BackupIdOf(5000 + i));
      const auto answer = group_.Call(i, &client, BackupOf(kData, "1234", 3));
      ASSERT_TRUE(answer.has_value()) << i << proto::Error_Name(client.inbox().fin_error);
      proto::HostToEnclaveMessage close;
      close.add_items()->mutable_client_close()->set_client_id(client.id());
      ASSERT_TRUE(group_.host(i).Input(close).ok());
      group_.host(i).ForgetInboxes();
    }
    group_.Tick(5);
    proto::HostRequest ask;
    ask.mutable_hash();
    const std::string hash = group_.host(0).Ask(ask).hash().hash();
    for (size_t i = 1; i < group_.size(); ++i) {
      ASSERT_EQ(group_.host(i).Ask(ask).hash().hash(), hash) << i;
    }
    mutating_ = true;
  }

  TestGroup group_;
  Chooser choose_;
  std::vector<Kept> kept_;
  bool mutating_ = false;
  bool taken_ = true;
  uint64_t resets_ = 0;
  uint64_t inputs_ = 0;
  uint64_t kinds_[5] = {};
};

// A group is dearer than one core: so many inputs fewer.
TEST(PeerItemFuzz, MessagesOfRealPeersMayBeMutatedAndTheGroupGoesOn) {
  PeerFuzz fuzz(util::TestSeed());
  fuzz.Run(std::max<uint64_t>(util::FuzzInputs(20'000) / 20, 1000));
}

}  // namespace
}  // namespace svr2::core
