// SPDX-License-Identifier: Apache-2.0
//
// The border inside an attested session: mutated requests, each judged by an oracle. What is a
// request within the limits of protocol.md §2 is answered, everything else ends its session as
// invalid, and on the watched row exactly the wrong guesses count. Inputs: SVR2_FUZZ_INPUTS; seed:
// SVR2_SEED, printed.

#include <gtest/gtest.h>

#include "core/fuzz_testing.h"
#include "util/seed_testing.h"

namespace svr2::core {
namespace {

constexpr size_t kSessions = 64;
constexpr uint64_t kCheckEachRounds = 300;

// What protocol.md §2 says about sizes, and that there is a request at all.
bool WithinLimits(const proto::Request& request) {
  const auto data_ok = [](const std::string& data) {
    return data.size() >= 16 && data.size() <= 48;
  };
  switch (request.inner_case()) {
    case proto::Request::kBackup:
      return data_ok(request.backup().data()) && request.backup().pin().size() == 32 &&
             request.backup().max_tries() >= 1 && request.backup().max_tries() <= 255;
    case proto::Request::kRestore:
      return request.restore().pin().size() == 32;
    case proto::Request::kExpose:
      return data_ok(request.expose().data());
    case proto::Request::kDelete:
    case proto::Request::kTries:
      return true;
    case proto::Request::INNER_NOT_SET:
      return false;
  }
  return false;
}

class RequestFuzz {
 public:
  explicit RequestFuzz(uint64_t seed) : watched_(TestConfig()), choose_(seed) {
    for (size_t i = 0; i < kSessions; ++i) slots_.push_back(NewSlot(i));
  }

  void Run(uint64_t inputs) {
    for (uint64_t round = 0; inputs_ < inputs; ++round) {
      ASSERT_NO_FATAL_FAILURE(OneRound());
      if (round % kCheckEachRounds == 0) {
        ASSERT_NO_FATAL_FAILURE(watched_.CheckServes());
      }
    }
    ASSERT_NO_FATAL_FAILURE(watched_.CheckServes());
    std::printf("requests: %llu inputs, %llu answered, %llu guesses at the watched row\n",
                static_cast<unsigned long long>(inputs_),
                static_cast<unsigned long long>(answered_),
                static_cast<unsigned long long>(guesses_));
  }

 private:
  struct Slot {
    TestClient client;
    bool watched;
    proto::Request request;  // What the bytes that were sent mean.
    bool valid = false;
  };

  // Every fourth session is authenticated as the owner of the watched row, as a host may.
  Slot NewSlot(size_t i) {
    const bool watched = i % 4 == 0;
    const std::string id = watched ? WatchedHost::id() : BackupIdOf(choose_.Below(100));
    return Slot{TestClient::Connected(&watched_.host, id), watched, {}, false};
  }

  proto::Request RandomRequest() {
    const std::string data(choose_.OneIn(30) ? choose_.Below(70) : 16 + choose_.Below(33), 'd');
    proto::Request request;
    switch (choose_.Below(6)) {
      case 0:
        request = BackupOf(data, "pin", static_cast<uint32_t>(1 + choose_.Below(255)));
        if (choose_.OneIn(40)) {
          request.mutable_backup()->set_max_tries(static_cast<uint32_t>(choose_.Number()));
        }
        break;
      case 1:
      case 2:
        request = RestoreOf(choose_.OneIn(2) ? "pin" : "wrong");
        if (choose_.OneIn(30)) {
          request.mutable_restore()->set_pin(choose_.Bytes(choose_.Below(80)));
        }
        break;
      case 3:
        request = ExposeOf(data);
        break;
      case 4:
        request = DeleteOf();
        break;
      default:
        request = TriesOf();
    }
    return request;
  }

  // Bytes that mostly still are a request: fields unknown, doubled, in another order, or altered.
  std::string RandomPlaintext() {
    std::string bytes = RandomRequest().SerializeAsString();
    switch (choose_.Below(10)) {
      case 0:
        bytes += RandomRequest().SerializeAsString();  // The last one counts, or they are merged.
        break;
      case 1:
        bytes.insert(0, RandomRequest().SerializeAsString());
        break;
      case 2:  // An unknown field: varint, fixed, bytes.
        bytes += std::string("\xf8\x01") + static_cast<char>(choose_.Below(128));
        break;
      case 3:
        bytes = "\xf9\x01" + choose_.Bytes(8) + bytes;
        break;
      case 4:
        bytes += std::string("\xfa\x01\x10") + choose_.Bytes(16);
        break;
      case 5:
        if (choose_.OneIn(2)) choose_.Mutate(&bytes);
        break;
      case 6:
        if (choose_.OneIn(10)) bytes = choose_.Bytes(choose_.Below(300));
        break;
      default:
        break;
    }
    return bytes;
  }

  // Fills in what to send and what it means.
  std::string NextItem(Slot* slot) {
    std::string plaintext = RandomPlaintext();
    slot->valid = slot->request.ParseFromString(plaintext) && WithinLimits(slot->request);
    if (slot->watched && (slot->request.has_backup() || slot->request.has_delete_())) {
      // Those are the owner's own to do.
      slot->request = TriesOf();
      slot->valid = true;
      plaintext = slot->request.SerializeAsString();
    }
    std::string item = slot->client.Encrypt(plaintext);
    if (choose_.OneIn(50)) {
      const std::string before = item;
      choose_.Mutate(&item);
      if (item != before) slot->valid = false;
    }
    return item;
  }

  void OneRound() {
    proto::HostToEnclaveMessage message;
    for (Slot& slot : slots_) {
      proto::ClientInput* input = message.add_items()->mutable_client();
      input->set_client_id(slot.client.id());
      input->set_data(NextItem(&slot));
    }
    ASSERT_TRUE(watched_.host.Input(message).ok());
    for (size_t i = 0; i < slots_.size(); ++i) {
      ASSERT_NO_FATAL_FAILURE(Judge(&slots_[i]));
      if (slots_[i].valid) continue;
      watched_.host.ForgetInbox(slots_[i].client.id());
      slots_[i] = NewSlot(i);
    }
    if (watched_.tries == 0) watched_.Store();
  }

  void Judge(Slot* slot) {
    ++inputs_;
    SCOPED_TRACE(inputs_);
    ClientInbox& inbox = slot->client.inbox();
    if (!slot->valid) {
      ASSERT_EQ(inbox.fin, proto::CLOSE_REASON_INVALID_ARGUMENT);
      ASSERT_TRUE(inbox.items.empty());
      return;
    }
    ASSERT_FALSE(inbox.fin.has_value()) << inbox.fin_error;
    ASSERT_EQ(inbox.items.size(), 1u);
    const auto plaintext = slot->client.Decrypt(inbox.items.front());
    inbox.items.clear();
    ASSERT_TRUE(plaintext.has_value());
    proto::Response response;
    ASSERT_TRUE(response.ParseFromString(*plaintext));
    // The two oneofs list the same kinds in the same order.
    ASSERT_EQ(static_cast<int>(response.inner_case()) + 1,
              static_cast<int>(slot->request.inner_case()));
    ++answered_;
    if (slot->watched) JudgeWatched(response);
  }

  void JudgeWatched(const proto::Response& response) {
    if (response.has_restore()) {
      if (watched_.tries > 0) ++guesses_, --watched_.tries;
      ASSERT_EQ(response.restore().status(), watched_.tries > 0
                                                 ? proto::RestoreResponse::PIN_MISMATCH
                                                 : proto::RestoreResponse::MISSING);
      ASSERT_EQ(response.restore().tries(), watched_.tries);
      ASSERT_TRUE(response.restore().data().empty());
    } else if (response.has_tries()) {
      ASSERT_EQ(response.tries().tries(), watched_.tries);
      ASSERT_EQ(response.tries().exposed(), watched_.tries > 0);
    } else {
      ASSERT_EQ(response.expose().status(), proto::ExposeResponse::ERROR);
    }
  }

  WatchedHost watched_;
  Chooser choose_;
  std::vector<Slot> slots_;
  uint64_t inputs_ = 0;
  uint64_t answered_ = 0;
  uint64_t guesses_ = 0;
};

TEST(ClientRequestFuzz, MutatedRequestsAreAnsweredOrEndTheirOwnSession) {
  RequestFuzz fuzz(util::TestSeed());
  fuzz.Run(util::FuzzInputs(20'000));
}

}  // namespace
}  // namespace svr2::core
