// SPDX-License-Identifier: Apache-2.0
//
// The table of sessions: caps, idleness, ids. Sentences in comments are from protocol.md and
// peer-figures.md.

#include "client/session_table.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

namespace svr2::client {
namespace {

SessionLimits Limits(uint32_t sessions, uint32_t pending, uint32_t idle_ticks) {
  SessionLimits limits;
  limits.max_client_sessions = sessions;
  limits.max_pending_handshakes = pending;
  limits.session_idle_ticks = idle_ticks;
  return limits;
}

Result<std::shared_ptr<Session>> Open(SessionTable* table, uint64_t now_tick = 0) {
  return table->Open(BackupId{}, std::make_shared<const ServerKey>(), now_tick);
}

std::vector<std::shared_ptr<Session>> Idle(SessionTable* table, uint64_t now_tick,
                                           size_t most = 1000) {
  std::vector<std::shared_ptr<Session>> idle;
  table->TakeIdle(now_tick, most, &idle);
  return idle;
}

// peer-figures.md, failure 7: "Sessions have no cap and no idle limit inside the enclave".
TEST(SessionTableTest, SessionsAreCappedAndAPlaceIsFreeAgainAfterRemove) {
  SessionTable table(Limits(3, 100, 10));
  std::vector<uint64_t> ids;
  for (int i = 0; i < 3; ++i) {
    ids.push_back((*Open(&table))->id());
    table.Established(ids.back());
  }
  EXPECT_EQ(Open(&table).error(), proto::ERROR_CLIENT_TOO_MANY);
  EXPECT_EQ(table.sessions(), 3u);
  EXPECT_EQ(table.pending_handshakes(), 0u);
  EXPECT_TRUE(table.Remove(ids[1]));
  EXPECT_EQ(table.sessions(), 2u);
  EXPECT_TRUE(Open(&table).ok());
  EXPECT_EQ(Open(&table).error(), proto::ERROR_CLIENT_TOO_MANY);
}

TEST(SessionTableTest, PendingHandshakesAreCappedOnTheirOwn) {
  SessionTable table(Limits(100, 2, 10));
  const uint64_t first = (*Open(&table))->id();
  const uint64_t second = (*Open(&table))->id();
  EXPECT_EQ(Open(&table).error(), proto::ERROR_CLIENT_TOO_MANY);
  // A refused one took no place.
  EXPECT_EQ(table.sessions(), 2u);
  EXPECT_EQ(table.pending_handshakes(), 2u);
  // A place is given back by a handshake that is through …
  table.Established(first);
  EXPECT_EQ(table.pending_handshakes(), 1u);
  EXPECT_TRUE(Open(&table).ok());
  EXPECT_EQ(Open(&table).error(), proto::ERROR_CLIENT_TOO_MANY);
  // … and by the end of a session whose handshake never was.
  EXPECT_TRUE(table.Remove(second));
  EXPECT_EQ(table.pending_handshakes(), 1u);
  EXPECT_TRUE(Open(&table).ok());
}

TEST(SessionTableTest, EstablishedAndRemoveCountOnce) {
  SessionTable table(Limits(10, 10, 10));
  const uint64_t id = (*Open(&table))->id();
  table.Established(id);
  table.Established(id);
  table.Established(id + 1);
  EXPECT_EQ(table.pending_handshakes(), 0u);
  EXPECT_TRUE(table.Remove(id));
  EXPECT_FALSE(table.Remove(id));
  EXPECT_FALSE(table.Remove(0));
  EXPECT_EQ(table.sessions(), 0u);
  EXPECT_EQ(table.pending_handshakes(), 0u);
}

// boundary.proto: "Chosen by the enclave, never 0, never used again by this enclave."
TEST(SessionTableTest, IdsAreNeverZeroAndNeverUsedAgain) {
  SessionTable table(Limits(5, 5, 10));
  std::set<uint64_t> ids;
  for (int i = 0; i < 1000; ++i) {
    const auto session = *Open(&table);
    EXPECT_NE(session->id(), 0u);
    EXPECT_TRUE(ids.insert(session->id()).second);
    EXPECT_EQ(table.Find(session->id(), 0), session);
    EXPECT_TRUE(table.Remove(session->id()));
    EXPECT_EQ(table.Find(session->id(), 0), nullptr);
  }
}

// §1: "30 s without a read or write ends a session (configurable)".
TEST(SessionTableTest, ASessionIsIdleExactlyAtTheLimit) {
  SessionTable table(Limits(10, 10, 10));
  const auto session = *Open(&table, 100);
  EXPECT_TRUE(Idle(&table, 109).empty());
  const auto idle = Idle(&table, 110);
  ASSERT_EQ(idle.size(), 1u);
  EXPECT_EQ(idle[0], session);
  // It stays until its owner removes it, and counts as active now.
  EXPECT_EQ(table.sessions(), 1u);
  EXPECT_TRUE(Idle(&table, 119).empty());
  EXPECT_EQ(Idle(&table, 120).size(), 1u);
}

TEST(SessionTableTest, ActivityPostponesIdleness) {
  SessionTable table(Limits(10, 10, 10));
  const uint64_t id = (*Open(&table, 100))->id();
  for (uint64_t now = 109; now < 200; now += 9) {
    EXPECT_TRUE(Idle(&table, now).empty());
    ASSERT_NE(table.Find(id, now), nullptr);
  }
}

TEST(SessionTableTest, TheIdleAreHandedOutInPortionsAndTheActiveNever) {
  SessionTable table(Limits(1000, 1000, 10));
  std::set<uint64_t> waiting;
  std::vector<uint64_t> active;
  for (int i = 0; i < 200; ++i) {
    const uint64_t id = (*Open(&table, 0))->id();
    if (i % 4 == 0) {
      active.push_back(id);
    } else {
      waiting.insert(id);
    }
  }
  for (const uint64_t id : active) ASSERT_NE(table.Find(id, 5), nullptr);
  while (!waiting.empty()) {
    const auto idle = Idle(&table, 10, 7);
    ASSERT_FALSE(idle.empty());
    EXPECT_LE(idle.size(), 7u);
    for (const auto& session : idle) {
      EXPECT_EQ(waiting.erase(session->id()), 1u);
      EXPECT_TRUE(table.Remove(session->id()));
    }
  }
  EXPECT_TRUE(Idle(&table, 14).empty());
  EXPECT_EQ(Idle(&table, 15).size(), active.size());
}

TEST(SessionTableTest, RemoveAllLeavesNothingCounted) {
  SessionTable table(Limits(100, 100, 10));
  for (int i = 0; i < 50; ++i) {
    const uint64_t id = (*Open(&table))->id();
    if (i % 2 == 0) table.Established(id);
  }
  EXPECT_EQ(table.RemoveAll().size(), 50u);
  EXPECT_EQ(table.sessions(), 0u);
  EXPECT_EQ(table.pending_handshakes(), 0u);
  EXPECT_TRUE(Idle(&table, 1000).empty());
  EXPECT_TRUE(Open(&table).ok());
}

TEST(SessionTableTest, CapsHoldAmongThreads) {
  constexpr uint32_t kMost = 20;
  SessionTable table(Limits(kMost, kMost / 2, 10));
  std::atomic<bool> exceeded{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&table, &exceeded] {
      std::vector<uint64_t> mine;
      for (int i = 0; i < 3000; ++i) {
        const auto opened = Open(&table);
        if (opened.ok()) {
          mine.push_back((*opened)->id());
          if (i % 2 == 0) table.Established(mine.back());
        }
        if (table.sessions() > kMost || table.pending_handshakes() > kMost / 2) exceeded = true;
        if (!mine.empty() && (i % 3 == 0 || !opened.ok())) {
          if (!table.Remove(mine.back())) exceeded = true;
          mine.pop_back();
        }
      }
      for (const uint64_t id : mine) {
        if (!table.Remove(id)) exceeded = true;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(exceeded);
  EXPECT_EQ(table.sessions(), 0u);
  EXPECT_EQ(table.pending_handshakes(), 0u);
}

}  // namespace
}  // namespace svr2::client
