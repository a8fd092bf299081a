// SPDX-License-Identifier: Apache-2.0
//
// Who may have a session with whom: evidence shown in handshakes and on live sessions. Source:
// protocol.md §5 and §6, design.md §7 invariant 5.

#include <gtest/gtest.h>

#include <functional>

#include "peers/peers_testing.h"

namespace svr2::peers {
namespace {

using Phase = Session::Phase;

// What is wrong with an end's evidence, and how a good end sees it.
struct BadEvidence {
  const char* name;
  Error error;
  std::function<void(End*)> show;
};

std::vector<BadEvidence> AllBadEvidence() {
  const auto show = [](bool debug, uint64_t group_id) {
    return [=](End* end) {
      end->ShowEvidence(end->env.Measurement(), debug, end->id(), ConfigOf(group_id));
    };
  };
  return {
      {"another key", proto::ERROR_PEERS_WRONG_KEY,
       [](End* end) {
         PeerId other = end->id();
         other[5] ^= 1;
         end->ShowEvidence(end->env.Measurement(), false, other, ConfigOf(kGroupId));
       }},
      {"another measurement", proto::ERROR_ATTESTATION_MEASUREMENT,
       [](End* end) {
         std::array<uint8_t, 32> measurement = end->env.Measurement();
         measurement[0] ^= 1;
         end->ShowEvidence(measurement, false, end->id(), ConfigOf(kGroupId));
       }},
      {"DEBUG", proto::ERROR_ATTESTATION_DEBUG, show(true, kGroupId)},
      {"another group", proto::ERROR_ATTESTATION_GROUP_CONFIG, show(false, kGroupId + 1)},
      {"no group", proto::ERROR_ATTESTATION_GROUP_CONFIG, show(false, 0)},
      {"another configuration", proto::ERROR_ATTESTATION_GROUP_CONFIG,
       [](End* end) {
         proto::RaftGroupConfig config = ConfigOf(kGroupId);
         config.set_super_majority(1);
         end->ShowEvidence(end->env.Measurement(), false, end->id(), config);
       }},
      {"not simulated", proto::ERROR_ATTESTATION_WRONG_FORMAT,
       [](End* end) {
         proto::RaftGroupConfig config = ConfigOf(kGroupId);
         config.set_simulated(false);
         end->ShowEvidence(end->env.Measurement(), false, end->id(), config);
       }},
      {"nothing", proto::ERROR_ATTESTATION_WRONG_FORMAT,
       [](End* end) { end->evidence = env::Evidence(); }},
      {"claims cut", proto::ERROR_ATTESTATION_MALFORMED_CLAIMS,
       [](End* end) { end->evidence.evidence.resize(end->evidence.evidence.size() - 1); }},
      {"endorsements where there are none", proto::ERROR_ATTESTATION_MALFORMED_EVIDENCE,
       [](End* end) { end->evidence.endorsements = "x"; }},
  };
}

TEST(PeerAttestation, BadEvidenceOfTheInitiatorIsRefused) {
  for (const BadEvidence& bad : AllBadEvidence()) {
    SCOPED_TRACE(bad.name);
    Pair pair;
    bad.show(pair.low.get());
    EXPECT_EQ(pair.high->Receive(pair.low->Connect()).error(), bad.error);
    EXPECT_EQ(pair.high->phase(), Phase::kIdle);
    EXPECT_EQ(pair.high->tree->used(), 0u);
    ASSERT_TRUE(pair.low->Receive(pair.high->received.answer).ok());
    EXPECT_EQ(pair.low->phase(), Phase::kIdle);
  }
}

TEST(PeerAttestation, BadEvidenceOfTheResponderIsRefused) {
  for (const BadEvidence& bad : AllBadEvidence()) {
    SCOPED_TRACE(bad.name);
    Pair pair;
    bad.show(pair.high.get());
    ASSERT_TRUE(pair.high->Receive(pair.low->Connect()).ok());
    EXPECT_EQ(pair.low->Receive(pair.high->received.answer).error(), bad.error);
    EXPECT_FALSE(pair.low->received.connected);
    EXPECT_EQ(pair.low->phase(), Phase::kIdle);
    EXPECT_EQ(pair.low->tree->used(), 0u);
    ASSERT_TRUE(pair.high->Receive(pair.low->received.answer).ok());
    EXPECT_EQ(pair.high->phase(), Phase::kIdle);
  }
}

// An old SYN may carry evidence that would not do any more.
TEST(PeerAttestation, ASynWithBadEvidenceLeavesTheLinkAlone) {
  for (const BadEvidence& bad : AllBadEvidence()) {
    SCOPED_TRACE(bad.name);
    Pair pair;
    pair.Connect();
    pair.low->Reset();
    bad.show(pair.low.get());
    EXPECT_EQ(pair.high->Receive(pair.low->Connect()).error(), bad.error);
    EXPECT_EQ(pair.high->phase(), Phase::kConnected);
    EXPECT_FALSE(pair.high->received.disconnected);
  }
}

TEST(PeerAttestation, ReattestationWithBadEvidenceIsRefused) {
  for (const BadEvidence& bad : AllBadEvidence()) {
    SCOPED_TRACE(bad.name);
    Pair pair;
    pair.Connect();
    bad.show(pair.low.get());
    const uint64_t verified_at = Must(pair.high->attested()).verified_at_seconds;
    pair.high->now_seconds += 5;
    EXPECT_EQ(pair.high->Reattest(pair.low->evidence).error(), bad.error);
    EXPECT_EQ(Must(pair.high->attested()).verified_at_seconds, verified_at);
  }
}

TEST(PeerAttestation, MinimumsThatEvidenceDoesNotMeetAreRefused) {
  Pair pair;
  (*pair.high->expectation.minimums.mutable_lim())[attestation::kTcbEvaluationDataNumber] =
      std::string(8, '\0');
  EXPECT_EQ(pair.high->Receive(pair.low->Connect()), Status(proto::ERROR_ATTESTATION_MINIMUMS));
}

// "age counts from the group time of our last verification"
TEST(PeerAttestation, ReattestationRenewsTheAge) {
  Pair pair;
  pair.Connect();
  EXPECT_EQ(Must(pair.high->attested()).verified_at_seconds, kNowSeconds);
  pair.high->now_seconds += 100;
  ASSERT_TRUE(pair.high->Reattest(pair.low->evidence).ok());
  EXPECT_EQ(Must(pair.high->attested()).verified_at_seconds, kNowSeconds + 100);
  EXPECT_TRUE(Hears(pair.low.get(), pair.high.get()));
  EXPECT_EQ(pair.high->received.attested.verified_at_seconds, kNowSeconds + 100);
  // Group time may go back.
  pair.high->now_seconds -= 50;
  ASSERT_TRUE(pair.high->Reattest(pair.low->evidence).ok());
  EXPECT_EQ(Must(pair.high->attested()).verified_at_seconds, kNowSeconds + 50);
}

TEST(PeerAttestation, ReattestationNeedsASession) {
  Pair pair;
  EXPECT_EQ(pair.high->Reattest(pair.low->evidence), Status(proto::ERROR_PEERS_NOT_CONNECTED));
  EXPECT_EQ(pair.high->attested().error(), proto::ERROR_PEERS_NOT_CONNECTED);
  ASSERT_TRUE(pair.high->Receive(pair.low->Connect()).ok());
  EXPECT_EQ(pair.high->Reattest(pair.low->evidence), Status(proto::ERROR_PEERS_NOT_CONNECTED));
}

// A joiner judges by kAnyExistingGroup and shows no group; its source the other way round. Either
// may initiate.
TEST(PeerAttestation, AJoinerAndItsSourceConnectEitherWay) {
  for (const bool joiner_initiates : {true, false}) {
    for (const bool joiner_is_low : {true, false}) {
      Pair pair;
      End* const joiner = joiner_is_low ? pair.low.get() : pair.high.get();
      End* const source = joiner_is_low ? pair.high.get() : pair.low.get();
      joiner->ShowGroup(0);
      joiner->expectation.config.set_group_id(0);
      joiner->expectation.group_id = attestation::GroupIdRule::kAnyExistingGroup;
      source->expectation.group_id = attestation::GroupIdRule::kOursOrNone;
      if (joiner_initiates) {
        Pair::Connect(joiner, source);
      } else {
        Pair::Connect(source, joiner);
      }
      EXPECT_TRUE(Must(source->attested()).joins());
      EXPECT_FALSE(Must(joiner->attested()).joins());
      EXPECT_EQ(Must(joiner->attested()).group_id, kGroupId);
      EXPECT_TRUE(Hears(joiner, source));
      EXPECT_TRUE(source->received.attested.joins());

      // It has become a member, and shows it on the live session; there is no way back.
      joiner->ShowGroup(kGroupId);
      ASSERT_TRUE(source->Reattest(joiner->evidence).ok());
      EXPECT_FALSE(Must(source->attested()).joins());
      EXPECT_TRUE(Hears(joiner, source));
      EXPECT_FALSE(source->received.attested.joins());
      joiner->ShowGroup(0);
      EXPECT_EQ(source->Reattest(joiner->evidence), Status(proto::ERROR_ATTESTATION_GROUP_CONFIG));
      EXPECT_FALSE(Must(source->attested()).joins());
    }
  }
}

TEST(PeerAttestation, TheSourceOfAJoinerKeepsItsGroup) {
  Pair pair;
  pair.low->ShowGroup(0);
  pair.low->expectation.config.set_group_id(0);
  pair.low->expectation.group_id = attestation::GroupIdRule::kAnyExistingGroup;
  pair.high->expectation.group_id = attestation::GroupIdRule::kOursOrNone;
  pair.Connect();
  pair.high->ShowGroup(kGroupId + 1);
  EXPECT_EQ(pair.low->Reattest(pair.high->evidence), Status(proto::ERROR_ATTESTATION_GROUP_CONFIG));
}

TEST(PeerAttestation, TwoJoinersDoNotTalk) {
  Pair pair;
  for (End* end : {pair.low.get(), pair.high.get()}) {
    end->ShowGroup(0);
    end->expectation.config.set_group_id(0);
    end->expectation.group_id = attestation::GroupIdRule::kAnyExistingGroup;
  }
  EXPECT_EQ(pair.high->Receive(pair.low->Connect()), Status(proto::ERROR_ATTESTATION_GROUP_CONFIG));
}

// KK proves the keys before any evidence is looked at.
TEST(PeerAttestation, SomebodyElsesKeyDoesNotServeAsAnId) {
  Pair pair;
  End thief(77);
  // Shows the true evidence of the lower id, which is public.
  thief.evidence = pair.low->evidence;
  thief.Meet(pair.high->id());
  EXPECT_EQ(pair.high->Receive(thief.Connect()), Status(proto::ERROR_NOISE_DECRYPT_FAILED));
  EXPECT_EQ(pair.high->phase(), Phase::kIdle);
}

TEST(PeerAttestation, EvidenceFillsASynUpToItsBoundAndNoFurther) {
  Pair pair;
  const size_t used = pair.low->evidence.evidence.size();
  pair.low->evidence.endorsements = std::string(kMaxEvidenceBytes - used, 'e');
  EXPECT_EQ(pair.high->Receive(pair.low->Connect()),
            Status(proto::ERROR_ATTESTATION_MALFORMED_EVIDENCE));  // Read, and then judged.
  pair.low->evidence.endorsements.push_back('e');
  std::string syn;
  EXPECT_EQ(pair.low->TryConnect(&syn), Status(proto::ERROR_PEERS_MESSAGE_TOO_LARGE));
  // A responder that cannot show itself does not answer.
  pair.high->evidence.endorsements = std::string(kMaxEvidenceBytes, 'e');
  pair.low->evidence.endorsements.clear();
  EXPECT_EQ(pair.high->Receive(pair.low->Connect()), Status(proto::ERROR_PEERS_MESSAGE_TOO_LARGE));
  EXPECT_EQ(pair.high->phase(), Phase::kIdle);
}

TEST(PeerAttestation, EvidencePayloadsAreReadBackExactlyOrRefused) {
  env::Evidence evidence;
  evidence.evidence = "evidence";
  evidence.endorsements = "endorsements";
  const std::string payload = Must(EncodeEvidence(evidence));
  const EvidenceView view = Must(DecodeEvidence(payload));
  EXPECT_EQ(view.evidence.ToString(), "evidence");
  EXPECT_EQ(view.endorsements.ToString(), "endorsements");
  EXPECT_FALSE(DecodeEvidence(std::string(3, '\0')).ok());
  EXPECT_FALSE(DecodeEvidence(std::string("\0\0\0\2x", 5)).ok());
  EXPECT_FALSE(DecodeEvidence(std::string("\xff\xff\xff\xffx", 5)).ok());
  EXPECT_FALSE(DecodeEvidence(std::string(kMaxEvidenceBytes + 5, '\0')).ok());
}

// Simulated evidence has no values; what they are is under the tree (session_memory_test.cc).
TEST(PeerAttestation, EvidenceValuesAreKept) {
  Pair pair;
  pair.Connect();
  util::MutexLock lock(pair.low->session->mutex());
  const Result<proto::MinimumLimits> values =
      pair.low->session->EvidenceValues(pair.low->tree.get());
  ASSERT_TRUE(values.ok());
  EXPECT_TRUE(values->lim().empty());
}

}  // namespace
}  // namespace svr2::peers
