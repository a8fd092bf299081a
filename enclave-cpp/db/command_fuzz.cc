// SPDX-License-Identifier: Apache-2.0
//
// Mutated log payloads: the reader never reads outside of them (run under ASan), and what it
// accepts is applied and encodes to the same bytes again, so that every payload has exactly one
// meaning.

#include <gtest/gtest.h>

#include <cstdio>
#include <random>

#include "db/database_testing.h"
#include "util/seed_testing.h"

namespace svr2::db {
namespace {

class CommandFuzz : public testing::Test {
 protected:
  uint64_t Pick(uint64_t below) { return random_() % below; }

  util::SecretBytes Valid() {
    util::SecretBytes out;
    EntryWriter writer(&out, random_(), random_());
    const uint64_t count = 1 + Pick(5);
    for (uint64_t i = 0; i < count; ++i) {
      const Id id = MakeId(Pick(50));
      const Verifier verifier = MakeVerifier(Pick(3));
      const util::Bytes data = MakeData(Pick(3), 16 + Pick(33));
      const Command commands[] = {{Op::kBackup, 3, id, verifier, data},
                                  {Op::kRestore, 0, id, verifier, {}},
                                  {Op::kExpose, 0, id, {}, data},
                                  {Op::kDelete, 0, id, {}, {}},
                                  {Op::kTries, 0, id, {}, {}}};
      EXPECT_TRUE(writer.Add(commands[Pick(5)]).ok());
    }
    return out;
  }

  void Mutate(util::SecretBytes* payload) {
    for (uint64_t times = Pick(4); times > 0; --times) {
      const auto at = static_cast<std::ptrdiff_t>(Pick(payload->size() + 1));
      const bool inside = at < static_cast<std::ptrdiff_t>(payload->size());
      switch (Pick(5)) {
        case 0:
          if (inside) payload->data()[at] = static_cast<uint8_t>(random_());
          break;
        case 1:  // Around the places where sizes, counts and ops are.
          if (payload->size() > 36) payload->data()[16 + Pick(20)] = static_cast<uint8_t>(Pick(64));
          break;
        case 2:
          payload->resize(static_cast<size_t>(at));
          break;
        case 3:
          payload->insert(payload->begin() + at, static_cast<uint8_t>(Pick(256)));
          break;
        default:
          if (inside) payload->erase(payload->begin() + at);
      }
    }
  }

  // Exactly as long as the payload, so that ASan sees any byte read beyond.
  static std::unique_ptr<uint8_t[]> Exact(const util::SecretBytes& payload) {
    std::unique_ptr<uint8_t[]> copy(new uint8_t[payload.size()]);
    std::copy(payload.begin(), payload.end(), copy.get());
    return copy;
  }

  std::mt19937_64 random_;
};

TEST_F(CommandFuzz, MutatedPayloads) {
  const uint64_t inputs = util::FuzzInputs(20000);
  const uint64_t seed = util::TestSeed();
  random_.seed(seed);
  env::FakeEnv env(seed);
  const auto database = std::move(Database::Create(&env, {})).value();
  uint64_t accepted = 0;
  for (uint64_t i = 0; i < inputs; ++i) {
    util::SecretBytes payload = Valid();
    Mutate(&payload);
    const std::unique_ptr<uint8_t[]> exact = Exact(payload);
    const util::ByteView view(exact.get(), payload.size());
    Result<EntryReader> reader = EntryReader::Parse(view);
    if (!reader.ok()) {
      ASSERT_EQ(reader.error(), proto::ERROR_DB_MALFORMED_COMMAND);
      continue;
    }
    ++accepted;
    util::SecretBytes again;
    EntryWriter writer(&again, reader->tag(), reader->first_request());
    Command command;
    Effect effect;
    while (reader->Next(&command)) {
      ASSERT_TRUE(writer.Add(command).ok()) << "SVR2_SEED=" << seed << " input " << i;
      ASSERT_TRUE(database->Apply(command, &effect).ok());
    }
    ASSERT_TRUE(util::View(again) == view) << "SVR2_SEED=" << seed << " input " << i;
  }
  std::printf("%llu of %llu accepted\n", static_cast<unsigned long long>(accepted),
              static_cast<unsigned long long>(inputs));
  EXPECT_GT(accepted, inputs / 10);
  EXPECT_LT(accepted, inputs * 9 / 10);
}

}  // namespace
}  // namespace svr2::db
