// SPDX-License-Identifier: Apache-2.0
//
// Two sessions back to back: handshake, confirmation, crossing, repeated and replayed messages,
// resets, every state against every kind of message. Sentences in quotes are from protocol.md §5.

#include "peers/session.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "peers/peers_testing.h"

namespace svr2::peers {
namespace {

using Phase = Session::Phase;

MessageKind KindOf(const std::string& message) { return Must(ParseMessage(message)).kind; }

TEST(PeerSession, ConnectsAndTalksBothWays) {
  Pair pair;
  End& low = *pair.low;
  End& high = *pair.high;
  EXPECT_EQ(low.phase(), Phase::kIdle);
  const std::string syn = low.Connect();
  EXPECT_EQ(KindOf(syn), MessageKind::kSyn);
  EXPECT_EQ(low.phase(), Phase::kSynSent);

  ASSERT_TRUE(high.Receive(syn).ok());
  EXPECT_EQ(high.phase(), Phase::kAnswered);
  EXPECT_FALSE(high.received.connected);
  const std::string syn_ack = high.received.answer;
  EXPECT_EQ(KindOf(syn_ack), MessageKind::kSynAck);
  // Nothing is sent before the confirmation.
  std::string early;
  EXPECT_EQ(high.Encrypt("early", &early), Status(proto::ERROR_PEERS_NOT_CONNECTED));

  ASSERT_TRUE(low.Receive(syn_ack).ok());
  EXPECT_TRUE(low.received.connected);
  EXPECT_EQ(low.received.attested.group_id, kGroupId);
  EXPECT_EQ(low.received.pieces_sent, 1u);
  const std::string confirmation = low.received.answer;
  EXPECT_EQ(KindOf(confirmation), MessageKind::kData);
  ASSERT_TRUE(high.Receive(confirmation).ok());
  EXPECT_TRUE(high.received.connected);
  EXPECT_FALSE(high.received.disconnected);
  EXPECT_FALSE(high.received.has_data);

  EXPECT_EQ(low.epoch(), high.epoch());
  EXPECT_NE(low.epoch(), 0u);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(Hears(&low, &high, "question"));
    EXPECT_TRUE(Hears(&high, &low, "answer"));
  }
  EXPECT_EQ(high.received.epoch, high.epoch());
  EXPECT_EQ(low.tree->used(), 1u);
  EXPECT_EQ(high.tree->used(), 1u);
}

// "-> e, es, e1, ss   <- e, ee, ekem1, se", each with evidence.
TEST(PeerSession, HandshakesAreHybrid) {
  constexpr size_t kKeyBytes = 32, kKemBytes = 1568, kTag = 16;
  Pair pair;
  const std::string syn = pair.low->Connect();
  EXPECT_EQ(syn.size(), kHeaderBytes + kKeyBytes + (kKemBytes + kTag) +
                            Must(EncodeEvidence(pair.low->evidence)).size() + kTag);
  ASSERT_TRUE(pair.high->Receive(syn).ok());
  EXPECT_EQ(pair.high->received.answer.size(),
            kHeaderBytes + kKeyBytes + (kKemBytes + kTag) +
                Must(EncodeEvidence(pair.high->evidence)).size() + kTag);
}

TEST(PeerSession, AReusedSynAckIsBoundToItsAttempt) {
  Pair pair;
  ASSERT_TRUE(pair.high->Receive(pair.low->Connect()).ok());
  const std::string old_answer = pair.high->received.answer;
  const std::string syn = pair.low->Connect();  // The attempt took too long: another one.
  EXPECT_EQ(pair.low->tree->used(), 1u);
  EXPECT_EQ(pair.low->Receive(old_answer), Status(proto::ERROR_PEERS_UNEXPECTED));
  // The old attempt's candidate is told that nobody waits for it; the new attempt goes on.
  EXPECT_EQ(KindOf(pair.low->received.answer), MessageKind::kReset);
  EXPECT_TRUE(pair.high->Receive(pair.low->received.answer).ok());
  EXPECT_EQ(pair.high->phase(), Phase::kIdle);
  ASSERT_TRUE(pair.high->Receive(syn).ok());
  ASSERT_TRUE(pair.low->Receive(pair.high->received.answer).ok());
  ASSERT_TRUE(pair.high->Receive(pair.low->received.answer).ok());
  EXPECT_TRUE(Hears(pair.high.get(), pair.low.get()));
}

// "a joiner may always initiate": so the higher id does here.
TEST(PeerSession, TheHigherIdMayInitiateToo) {
  Pair pair;
  Pair::Connect(pair.high.get(), pair.low.get());
  EXPECT_TRUE(Hears(pair.low.get(), pair.high.get()));
  EXPECT_TRUE(Hears(pair.high.get(), pair.low.get()));
}

// "on crossing SYNs the lower id's wins", in every order in which the messages can arrive.
TEST(PeerSession, OnCrossingSynsTheLowerIdsWins) {
  for (const bool low_hears_first : {true, false}) {
    Pair pair;
    const std::string low_syn = pair.low->Connect();
    const std::string high_syn = pair.high->Connect();
    const auto low_hears = [&] {
      ASSERT_TRUE(pair.low->Receive(high_syn).ok());
      EXPECT_EQ(pair.low->received.answer, "");
      EXPECT_EQ(pair.low->phase(), Phase::kSynSent);
    };
    if (low_hears_first) low_hears();
    ASSERT_TRUE(pair.high->Receive(low_syn).ok());
    EXPECT_EQ(pair.high->phase(), Phase::kAnswered);
    EXPECT_EQ(pair.high->tree->used(), 1u);
    const std::string syn_ack = pair.high->received.answer;
    if (!low_hears_first) low_hears();
    ASSERT_TRUE(pair.low->Receive(syn_ack).ok());
    ASSERT_TRUE(pair.high->Receive(pair.low->received.answer).ok());
    EXPECT_TRUE(Hears(pair.low.get(), pair.high.get()));
    EXPECT_TRUE(Hears(pair.high.get(), pair.low.get()));
  }
}

// The higher id's SYN comes when the lower id's session stands already at its end: the new
// handshake goes on beside it, and nothing is lost unless it is confirmed.
TEST(PeerSession, ACrossingSynThatComesLateTakesNothingAway) {
  Pair pair;
  const std::string low_syn = pair.low->Connect();
  const std::string high_syn = pair.high->Connect();
  ASSERT_TRUE(pair.high->Receive(low_syn).ok());
  ASSERT_TRUE(pair.low->Receive(pair.high->received.answer).ok());
  ASSERT_TRUE(pair.high->Receive(pair.low->received.answer).ok());
  ASSERT_TRUE(pair.low->Receive(high_syn).ok());
  const std::string late_answer = pair.low->received.answer;
  EXPECT_EQ(pair.high->Receive(late_answer), Status(proto::ERROR_PEERS_UNEXPECTED));
  ASSERT_TRUE(pair.low->Receive(pair.high->received.answer).ok());
  EXPECT_EQ(pair.low->tree->used(), 1u);
  EXPECT_TRUE(Hears(pair.low.get(), pair.high.get()));
  EXPECT_TRUE(Hears(pair.high.get(), pair.low.get()));
}

TEST(PeerSession, ABrokenSynDoesNotEndAnAttempt) {
  Pair pair;
  std::string syn = pair.low->Connect();
  const std::string high_syn = pair.high->Connect();
  syn.back() = static_cast<char>(syn.back() ^ 1);
  EXPECT_EQ(pair.high->Receive(syn), Status(proto::ERROR_NOISE_DECRYPT_FAILED));
  EXPECT_EQ(pair.high->phase(), Phase::kSynSent);
  // The reset ends the attempt that the broken SYN named.
  ASSERT_TRUE(pair.low->Receive(pair.high->received.answer).ok());
  EXPECT_EQ(pair.low->phase(), Phase::kIdle);
  ASSERT_TRUE(pair.low->Receive(high_syn).ok());
  EXPECT_EQ(pair.low->phase(), Phase::kAnswered);
}

// A host can repeat old SYNs as often as it likes.
TEST(PeerSession, AReplayedSynNeverHarmsASessionThatWorks) {
  Pair pair;
  const std::string old_syn = pair.low->Connect();
  pair.low->Reset();
  pair.Connect();
  const uint64_t epoch = pair.high->epoch();
  for (int i = 0; i < 3; ++i) {
    // The second time it is the candidate's own, and not worked on.
    EXPECT_EQ(pair.high->Receive(old_syn).ok(), i == 0);
    EXPECT_FALSE(pair.high->received.disconnected);
    EXPECT_FALSE(pair.high->received.connected);
    EXPECT_EQ(pair.high->epoch(), epoch);
    EXPECT_TRUE(Hears(pair.low.get(), pair.high.get()));
    EXPECT_TRUE(Hears(pair.high.get(), pair.low.get()));
  }
  EXPECT_EQ(pair.high->tree->used(), 2u);
}

TEST(PeerSession, TheAnswerToAReplayedSynHarmsNothingEither) {
  Pair pair;
  const std::string old_syn = pair.low->Connect();
  pair.low->Reset();
  pair.Connect();
  ASSERT_TRUE(pair.high->Receive(old_syn).ok());
  EXPECT_EQ(pair.low->Receive(pair.high->received.answer), Status(proto::ERROR_PEERS_UNEXPECTED));
  EXPECT_FALSE(pair.low->received.disconnected);
  EXPECT_TRUE(Hears(pair.low.get(), pair.high.get()));
  // The RST names the candidate alone.
  ASSERT_TRUE(pair.high->Receive(pair.low->received.answer).ok());
  EXPECT_FALSE(pair.high->received.disconnected);
  EXPECT_EQ(pair.high->tree->used(), 1u);
  EXPECT_TRUE(Hears(pair.low.get(), pair.high.get()));
  EXPECT_TRUE(Hears(pair.high.get(), pair.low.get()));
}

TEST(PeerSession, TheSynAndSynAckOfTheSessionThatStandsAreNotTakenAgain) {
  Pair pair;
  const std::string syn = pair.low->Connect();
  ASSERT_TRUE(pair.high->Receive(syn).ok());
  const std::string syn_ack = pair.high->received.answer;
  ASSERT_TRUE(pair.low->Receive(syn_ack).ok());
  ASSERT_TRUE(pair.high->Receive(pair.low->received.answer).ok());
  EXPECT_EQ(pair.high->Receive(syn), Status(proto::ERROR_PEERS_UNEXPECTED));
  EXPECT_EQ(pair.high->received.answer, "");
  EXPECT_EQ(pair.low->Receive(syn_ack), Status(proto::ERROR_PEERS_UNEXPECTED));
  EXPECT_EQ(pair.low->received.answer, "");
  EXPECT_TRUE(Hears(pair.low.get(), pair.high.get()));
  EXPECT_TRUE(Hears(pair.high.get(), pair.low.get()));
}

// A peer that has lost its session, which we still think stands.
TEST(PeerSession, APeerThatLostItsSessionGetsANewOne) {
  for (const bool low_lost : {true, false}) {
    Pair pair;
    pair.Connect();
    End& lost = low_lost ? *pair.low : *pair.high;
    End& other = low_lost ? *pair.high : *pair.low;
    lost.Reset();  // The RST never arrives.
    const uint64_t old_epoch = other.epoch();
    const std::string syn = lost.Connect();
    const std::string under_old_keys = other.Encrypted("to nobody");
    ASSERT_TRUE(other.Receive(syn).ok());
    const std::string syn_ack = other.received.answer;
    EXPECT_EQ(other.epoch(), old_epoch);
    // What the other side still sends in the old session does not disturb the handshake.
    EXPECT_EQ(lost.Receive(under_old_keys), Status(proto::ERROR_PEERS_NOT_CONNECTED));
    const std::string refusal = lost.received.answer;
    ASSERT_TRUE(lost.Receive(syn_ack).ok());
    const std::string confirmation = lost.received.answer;
    ASSERT_TRUE(other.Receive(confirmation).ok());
    EXPECT_TRUE(other.received.disconnected);
    EXPECT_TRUE(other.received.connected);
    EXPECT_NE(other.epoch(), old_epoch);
    // A RST for the old session comes too late to harm.
    ASSERT_TRUE(other.Receive(refusal).ok());
    EXPECT_FALSE(other.received.disconnected);
    EXPECT_TRUE(Hears(&lost, &other));
    EXPECT_TRUE(Hears(&other, &lost));
    EXPECT_EQ(other.tree->used(), 1u);
    EXPECT_EQ(lost.tree->used(), 1u);
  }
}

TEST(PeerSession, ResetEndsEveryPhase) {
  for (const Phase phase : {Phase::kIdle, Phase::kSynSent, Phase::kAnswered, Phase::kConnected}) {
    SCOPED_TRACE(static_cast<int>(phase));
    Pair pair;
    End* const low = pair.low.get();
    End* const high = pair.high.get();
    End* tested = low;
    End* other = high;
    if (phase == Phase::kSynSent) low->Connect();
    if (phase == Phase::kConnected) pair.Connect();
    if (phase == Phase::kAnswered) {
      ASSERT_TRUE(high->Receive(low->Connect()).ok());
      std::swap(tested, other);
    }
    ASSERT_EQ(tested->phase(), phase);
    const std::string reset = tested->Reset();
    EXPECT_EQ(reset.empty(), phase == Phase::kIdle);
    EXPECT_EQ(tested->phase(), Phase::kIdle);
    EXPECT_EQ(tested->tree->used(), 0u);
    EXPECT_EQ(tested->Reset(), "");
    if (!reset.empty()) {
      const bool stood = other->phase() == Phase::kConnected;
      ASSERT_TRUE(other->Receive(reset).ok());
      EXPECT_EQ(other->received.disconnected, stood);
      EXPECT_EQ(other->received.answer, "");  // A RST is never answered.
      EXPECT_EQ(other->phase(), Phase::kIdle);
      EXPECT_EQ(other->tree->used(), 0u);
    }
    pair.Connect();
    EXPECT_TRUE(Hears(low, high));
  }
}

TEST(PeerSession, ResetNamesTheCandidateBesideTheLink) {
  Pair pair;
  pair.Connect();
  pair.low->Reset();
  ASSERT_TRUE(pair.high->Receive(pair.low->Connect()).ok());
  EXPECT_EQ(pair.high->tree->used(), 2u);
  const std::string reset = pair.high->Reset();
  EXPECT_EQ(Must(ParseMessage(reset)).body.size(), 2 * kTagBytes);
  EXPECT_EQ(pair.high->tree->used(), 0u);
  ASSERT_TRUE(pair.low->Receive(reset).ok());
  EXPECT_EQ(pair.low->phase(), Phase::kIdle);
}

// Every state × every kind of message, with the tag that fits and with one that does not.
TEST(PeerSession, EveryStateMeetsEveryKindOfMessage) {
  struct Case {
    Phase phase;
    MessageKind kind;
    bool known_tag;
    Error error;
    Phase after;
    bool reset_sent;
  };
  const Error kBadNoise = proto::ERROR_NOISE_MALFORMED_MESSAGE;  // Bodies here are 16 bytes.
  const Error kNotConnected = proto::ERROR_PEERS_NOT_CONNECTED;
  const Error kUnexpected = proto::ERROR_PEERS_UNEXPECTED;
  const Error kMalformed = proto::ERROR_PEERS_MALFORMED_MESSAGE;
  const std::vector<Case> cases = {
      {Phase::kIdle, MessageKind::kSyn, false, kBadNoise, Phase::kIdle, true},
      {Phase::kIdle, MessageKind::kSynAck, false, kUnexpected, Phase::kIdle, true},
      {Phase::kIdle, MessageKind::kData, false, kNotConnected, Phase::kIdle, true},
      {Phase::kIdle, MessageKind::kReset, false, proto::OK, Phase::kIdle, false},
      {Phase::kSynSent, MessageKind::kSyn, false, kBadNoise, Phase::kSynSent, true},
      {Phase::kSynSent, MessageKind::kSyn, true, kBadNoise, Phase::kSynSent, true},
      {Phase::kSynSent, MessageKind::kSynAck, false, kUnexpected, Phase::kSynSent, true},
      {Phase::kSynSent, MessageKind::kSynAck, true, kBadNoise, Phase::kIdle, true},
      {Phase::kSynSent, MessageKind::kData, false, kNotConnected, Phase::kSynSent, true},
      {Phase::kSynSent, MessageKind::kData, true, kNotConnected, Phase::kSynSent, true},
      {Phase::kSynSent, MessageKind::kReset, false, proto::OK, Phase::kSynSent, false},
      {Phase::kSynSent, MessageKind::kReset, true, proto::OK, Phase::kIdle, false},
      {Phase::kAnswered, MessageKind::kSyn, false, kBadNoise, Phase::kAnswered, true},
      {Phase::kAnswered, MessageKind::kSyn, true, kUnexpected, Phase::kAnswered, false},
      {Phase::kAnswered, MessageKind::kSynAck, false, kUnexpected, Phase::kAnswered, true},
      {Phase::kAnswered, MessageKind::kSynAck, true, kUnexpected, Phase::kAnswered, false},
      {Phase::kAnswered, MessageKind::kData, false, kNotConnected, Phase::kAnswered, true},
      {Phase::kAnswered, MessageKind::kData, true, kMalformed, Phase::kIdle, true},
      {Phase::kAnswered, MessageKind::kReset, false, proto::OK, Phase::kAnswered, false},
      {Phase::kAnswered, MessageKind::kReset, true, proto::OK, Phase::kIdle, false},
      {Phase::kConnected, MessageKind::kSyn, false, kBadNoise, Phase::kConnected, true},
      {Phase::kConnected, MessageKind::kSyn, true, kUnexpected, Phase::kConnected, false},
      {Phase::kConnected, MessageKind::kSynAck, false, kUnexpected, Phase::kConnected, true},
      {Phase::kConnected, MessageKind::kSynAck, true, kUnexpected, Phase::kConnected, false},
      {Phase::kConnected, MessageKind::kData, false, kNotConnected, Phase::kConnected, true},
      {Phase::kConnected, MessageKind::kData, true, kMalformed, Phase::kIdle, true},
      {Phase::kConnected, MessageKind::kReset, false, proto::OK, Phase::kConnected, false},
      {Phase::kConnected, MessageKind::kReset, true, proto::OK, Phase::kIdle, false},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE("phase " + std::to_string(static_cast<int>(c.phase)) + " kind " +
                 std::to_string(static_cast<int>(c.kind)) + (c.known_tag ? " known" : " unknown"));
    Pair pair;
    // The higher id, since the lower one ignores a SYN during its own attempt.
    End* const tested = pair.high.get();
    Tag tag{};
    if (c.phase == Phase::kSynSent) {
      tag = Must(ParseMessage(tested->Connect())).tag;
    } else if (c.phase == Phase::kAnswered) {
      ASSERT_TRUE(tested->Receive(pair.low->Connect()).ok());
      tag = Must(ParseMessage(tested->received.answer)).tag;
    } else if (c.phase == Phase::kConnected) {
      pair.Connect();
      tag = Must(ParseMessage(tested->Encrypted(""))).tag;
    }
    if (!c.known_tag) tag.fill(0x55);
    const std::string body = c.kind == MessageKind::kReset ? "" : std::string(16, 'b');
    ASSERT_EQ(tested->Receive(MakeMessage(c.kind, tag, body)).error(), c.error);
    EXPECT_EQ(tested->phase(), c.after);
    EXPECT_EQ(tested->received.answer, c.reset_sent ? MakeReset({tag}) : "");
    EXPECT_EQ(tested->received.disconnected,
              c.phase == Phase::kConnected && c.after == Phase::kIdle);
    EXPECT_FALSE(tested->received.connected);
    EXPECT_FALSE(tested->received.has_data);
    EXPECT_EQ(tested->tree->used(), c.after == Phase::kIdle ? 0u : 1u);
  }
}

TEST(PeerSession, MalformedMessagesChangeNothing) {
  Pair pair;
  pair.Connect();
  for (const std::string& message :
       {std::string(), std::string("\x01"), std::string("\x03short"), std::string(9, '\0'),
        "\x05" + std::string(40, 'x'), std::string("\x04"), "\x04" + std::string(7, 'x'),
        "\x04" + std::string(9, 'x'), "\x04" + std::string(32, 'x'),
        "\x01" + std::string(8, '\0') + "body"}) {
    EXPECT_EQ(pair.low->Receive(message), Status(proto::ERROR_PEERS_MALFORMED_MESSAGE));
    EXPECT_EQ(pair.low->received.answer, "");
    EXPECT_EQ(pair.low->phase(), Phase::kConnected);
  }
  EXPECT_TRUE(Hears(pair.low.get(), pair.high.get()));
}

// A peer id is whatever a host says it is.
TEST(PeerSession, AnIdOfLowOrderIsAnError) {
  End end(1);
  PeerId one{};
  one[0] = 1;
  PeerId order_eight = {0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
                        0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
                        0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00};
  End stranger(3);
  for (const PeerId& id : {PeerId{}, one, order_eight}) {
    end.Meet(id);
    std::string syn;
    EXPECT_EQ(end.TryConnect(&syn), Status(proto::ERROR_CRYPTO_BAD_KEY));
    EXPECT_EQ(syn, "");
    EXPECT_EQ(end.phase(), Phase::kIdle);
    stranger.Meet(end.id());
    EXPECT_FALSE(end.Receive(stranger.Connect()).ok());
    EXPECT_EQ(end.tree->used(), 0u);
  }
}

TEST(PeerSession, FailuresOfRandomAndMemoryChangeNothing) {
  Pair pair;
  pair.low->env.FailRandom(true);
  std::string syn;
  EXPECT_EQ(pair.low->TryConnect(&syn), Status(proto::ERROR_RANDOM_FAILED));
  pair.low->env.FailRandom(false);
  syn = pair.low->Connect();
  pair.high->env.FailRandom(true);
  EXPECT_EQ(pair.high->Receive(syn), Status(proto::ERROR_RANDOM_FAILED));
  pair.high->env.FailRandom(false);
  ASSERT_TRUE(pair.high->Receive(syn).ok());
  pair.low->env.FailRandom(true);
  EXPECT_EQ(pair.low->Receive(pair.high->received.answer), Status(proto::ERROR_RANDOM_FAILED));
  EXPECT_EQ(pair.low->phase(), Phase::kIdle);
  EXPECT_EQ(pair.low->tree->used(), 0u);
  pair.low->env.FailRandom(false);
  pair.Connect();
  pair.low->env.FailRandom(true);
  std::string message = "left over";
  EXPECT_EQ(pair.low->Encrypt("x", &message), Status(proto::ERROR_RANDOM_FAILED));
  EXPECT_EQ(message, "");

  // A tree without room.
  pair.high->tree = Must(integrity::Tree::Create(&pair.high->env, 0));
  pair.high->Meet(pair.low->id());
  pair.low->env.FailRandom(false);
  pair.low->Reset();
  EXPECT_EQ(pair.high->Receive(pair.low->Connect()), Status(proto::ERROR_INTEGRITY_FULL));
  EXPECT_EQ(KindOf(pair.high->received.answer), MessageKind::kReset);
  EXPECT_EQ(pair.high->TryConnect(&syn), Status(proto::ERROR_INTEGRITY_FULL));
}

TEST(PeerSession, ConnectRefusesWhenConnected) {
  Pair pair;
  pair.Connect();
  std::string syn;
  EXPECT_EQ(pair.low->TryConnect(&syn), Status(proto::ERROR_PEERS_UNEXPECTED));
  EXPECT_TRUE(Hears(pair.low.get(), pair.high.get()));
}

TEST(PeerSession, EncryptsOnlyForTheSessionThatStands) {
  Pair pair;
  pair.Connect();
  std::string message;
  size_t pieces = 0;
  util::MutexLock lock(pair.low->session->mutex());
  EXPECT_EQ(pair.low->session->Encrypt(pair.low->surroundings(), pair.low->session->epoch() + 1,
                                       std::string("x"), &message, &pieces),
            Status(proto::ERROR_PEERS_NOT_CONNECTED));
  EXPECT_EQ(message, "");
}

TEST(PeerSession, TheMembersInitiateByTheirIds) {
  Pair pair;
  EXPECT_TRUE(Initiates(pair.low->id(), pair.high->id()));
  EXPECT_FALSE(Initiates(pair.high->id(), pair.low->id()));
}

// What is answered on behalf of a peer that is not in the table.
TEST(PeerWire, RefusesForUnknownPeers) {
  const Tag tag{1, 2, 3};
  EXPECT_EQ(RefusalOf(MakeMessage(MessageKind::kData, tag, util::ByteView())), MakeReset({tag}));
  EXPECT_EQ(RefusalOf(MakeMessage(MessageKind::kSynAck, tag, util::ByteView())), MakeReset({tag}));
  EXPECT_EQ(RefusalOf(MakeMessage(MessageKind::kSyn, tag, util::ByteView())), "");
  EXPECT_EQ(RefusalOf(MakeReset({tag})), "");
  EXPECT_EQ(RefusalOf(std::string("nonsense")), "");
  EXPECT_TRUE(IsSyn(MakeMessage(MessageKind::kSyn, tag, util::ByteView())));
  EXPECT_FALSE(IsSyn(MakeMessage(MessageKind::kData, tag, util::ByteView())));
  EXPECT_FALSE(IsSyn(std::string("\x01")));
}

}  // namespace
}  // namespace svr2::peers
