// SPDX-License-Identifier: Apache-2.0
//
// The steps of joining, one after the other, and every way out of each.

#include "core/joiner.h"

#include <gtest/gtest.h>

namespace svr2::core {
namespace {

using Kind = JoinAction::Kind;

raft::PeerId Id(uint8_t n) {
  raft::PeerId id{};
  id[0] = n;
  return id;
}

class JoinerTest : public testing::Test {
 protected:
  explicit JoinerTest(size_t voters_to_compare = 0) : joiner_(Options(voters_to_compare)) {
    joiner_.AddSource(Id(1));
    joiner_.AddSource(Id(2));
  }

  static JoinerOptions Options(size_t voters_to_compare) {
    JoinerOptions options;
    options.patience_ticks = 10;
    options.pause_ticks = 2;
    options.voters_to_compare = voters_to_compare;
    return options;
  }

  JoinAction Tick(bool member = false) {
    return joiner_.Tick(++now_, member, true, {Id(1), Id(2), Id(3)}, {Id(1), Id(2), Id(3)});
  }
  // Ticks until there is something to do.
  JoinAction Next() {
    for (int i = 0; i < 30; ++i) {
      const JoinAction action = Tick();
      if (action.kind != Kind::kNone) return action;
    }
    return JoinAction();
  }
  void Expect(const JoinAction& action, Kind kind, uint8_t peer) {
    EXPECT_EQ(static_cast<int>(action.kind), static_cast<int>(kind));
    EXPECT_EQ(action.peer[0], peer);
  }
  void Load() {
    Expect(Tick(), Kind::kAskRoute, 1);
    Expect(joiner_.OnRoute(Id(1), true), Kind::kConnect, 1);
    Expect(joiner_.OnConnected(Id(1)), Kind::kGetGroup, 1);
    Expect(joiner_.OnGroup(Id(1), Status::Ok()), Kind::kReplicate, 1);
    Expect(joiner_.OnStream(Id(1), Status::Ok()), Kind::kNone, 0);
    Expect(joiner_.OnPush(Id(1), Status::Ok(), false), Kind::kNone, 0);
    EXPECT_EQ(joiner_.phase(), proto::JOIN_PHASE_LOADING);
    Expect(joiner_.OnPush(Id(1), Status::Ok(), true), Kind::kNone, 0);
  }

  Joiner joiner_;
  uint64_t now_ = 0;
};

class ComparingJoinerTest : public JoinerTest {
 protected:
  ComparingJoinerTest() : JoinerTest(2) {}
};

TEST_F(JoinerTest, GoesThroughAllSteps) {
  Load();
  EXPECT_EQ(joiner_.phase(), proto::JOIN_PHASE_ASKING);
  EXPECT_EQ(static_cast<int>(Next().kind), static_cast<int>(Kind::kAskMembership));
  // Asked again, of another, until it is a member.
  EXPECT_EQ(static_cast<int>(Next().kind), static_cast<int>(Kind::kAskMembership));
  Expect(Tick(true), Kind::kDone, 1);
  EXPECT_FALSE(joiner_.active());
  EXPECT_EQ(joiner_.phase(), proto::JOIN_PHASE_NONE);
}

TEST_F(JoinerTest, AnUnreachableSourceIsLeftAtOnce) {
  Expect(Tick(), Kind::kAskRoute, 1);
  Expect(joiner_.OnRoute(Id(1), false), Kind::kAbandon, 1);
  Expect(Next(), Kind::kAskRoute, 2);
  EXPECT_EQ(joiner_.attempts_failed(), 1u);
  EXPECT_EQ(joiner_.last_error(), proto::ERROR_PEERS_UNREACHABLE);
}

TEST_F(JoinerTest, EachStepHasATimeLimit) {
  const auto give_up = [this](uint8_t source) { Expect(Next(), Kind::kAbandon, source); };
  Expect(Tick(), Kind::kAskRoute, 1);
  give_up(1);
  Expect(Next(), Kind::kAskRoute, 2);
  joiner_.OnRoute(Id(2), true);
  give_up(2);
  Expect(Next(), Kind::kAskRoute, 1);
  joiner_.OnRoute(Id(1), true);
  joiner_.OnConnected(Id(1));
  give_up(1);
  Expect(Next(), Kind::kAskRoute, 2);
  joiner_.OnRoute(Id(2), true);
  joiner_.OnConnected(Id(2));
  joiner_.OnGroup(Id(2), Status::Ok());
  give_up(2);
  Expect(Next(), Kind::kAskRoute, 1);
  joiner_.OnRoute(Id(1), true);
  joiner_.OnConnected(Id(1));
  joiner_.OnGroup(Id(1), Status::Ok());
  joiner_.OnStream(Id(1), Status::Ok());
  give_up(1);
  EXPECT_EQ(joiner_.last_error(), proto::ERROR_CORE_STREAM_LOST);
}

// With the reason, and only while a handshake is what it waits for.
TEST_F(JoinerTest, ASourceThatIsRefusedIsLeftAtOnce) {
  Expect(Tick(), Kind::kAskRoute, 1);
  Expect(joiner_.OnRefused(Id(1), proto::ERROR_ATTESTATION_GROUP_CONFIG), Kind::kNone, 0);
  joiner_.OnRoute(Id(1), true);
  Expect(joiner_.OnRefused(Id(2), proto::ERROR_ATTESTATION_GROUP_CONFIG), Kind::kNone, 0);
  Expect(joiner_.OnRefused(Id(1), proto::ERROR_ATTESTATION_GROUP_CONFIG), Kind::kAbandon, 1);
  EXPECT_EQ(joiner_.last_error(), proto::ERROR_ATTESTATION_GROUP_CONFIG);
  Expect(Next(), Kind::kAskRoute, 2);
  joiner_.OnRoute(Id(2), true);
  joiner_.OnConnected(Id(2));
  Expect(joiner_.OnRefused(Id(2), proto::ERROR_PEERS_MALFORMED_MESSAGE), Kind::kNone, 0);
}

TEST_F(JoinerTest, ALostSourceIsGivenUpUntilAllRowsAreHere) {
  Expect(Tick(), Kind::kAskRoute, 1);
  joiner_.OnRoute(Id(1), true);
  joiner_.OnConnected(Id(1));
  Expect(joiner_.OnPeerLost(Id(2), proto::ERROR_PEERS_RESET), Kind::kNone, 0);
  Expect(joiner_.OnPeerLost(Id(1), proto::ERROR_PEERS_RESET), Kind::kAbandon, 1);
  Expect(Next(), Kind::kAskRoute, 2);
}

TEST_F(JoinerTest, AfterAllRowsAreHereNothingIsDropped) {
  Load();
  Expect(joiner_.OnPeerLost(Id(1), proto::ERROR_PEERS_RESET), Kind::kNone, 0);
  EXPECT_EQ(joiner_.phase(), proto::JOIN_PHASE_ASKING);
}

TEST_F(JoinerTest, EventsOfAnotherPeerOrPhaseChangeNothing) {
  Expect(joiner_.OnRoute(Id(1), true), Kind::kNone, 0);
  Expect(Tick(), Kind::kAskRoute, 1);
  Expect(joiner_.OnRoute(Id(2), true), Kind::kNone, 0);
  Expect(joiner_.OnConnected(Id(1)), Kind::kNone, 0);
  Expect(joiner_.OnGroup(Id(1), Status::Ok()), Kind::kNone, 0);
  Expect(joiner_.OnStream(Id(1), Status::Ok()), Kind::kNone, 0);
  Expect(joiner_.OnPush(Id(1), Status::Ok(), true), Kind::kNone, 0);
  EXPECT_EQ(joiner_.phase(), proto::JOIN_PHASE_CONNECTING);
}

TEST_F(ComparingJoinerTest, ComparesWithVotersOtherThanTheSource) {
  Load();
  EXPECT_EQ(joiner_.phase(), proto::JOIN_PHASE_COMPARING);
  const JoinAction first = Next();
  EXPECT_EQ(static_cast<int>(first.kind), static_cast<int>(Kind::kCompare));
  EXPECT_NE(first.peer[0], 1);
  // Not comparable yet: asked again.
  Expect(joiner_.OnCompared(first.peer, proto::ERROR_CORE_JOINING), Kind::kNone, 0);
  Expect(joiner_.OnCompared(first.peer, Status::Ok()), Kind::kNone, 0);
  // One voter counts once.
  Expect(joiner_.OnCompared(first.peer, Status::Ok()), Kind::kNone, 0);
  const JoinAction second = Next();
  EXPECT_NE(second.peer[0], first.peer[0]);
  EXPECT_NE(second.peer[0], 1);
  Expect(joiner_.OnCompared(second.peer, Status::Ok()), Kind::kCompared, 1);
  EXPECT_EQ(joiner_.phase(), proto::JOIN_PHASE_ASKING);
}

TEST_F(ComparingJoinerTest, WhileAGroupIsFoundedThereMayBeFewerToCompareWith) {
  Load();
  const std::vector<raft::PeerId> source_alone = {Id(1)};
  const JoinAction action = joiner_.Tick(++now_, false, true, source_alone, source_alone);
  Expect(action, Kind::kCompared, 1);
}

}  // namespace
}  // namespace svr2::core
