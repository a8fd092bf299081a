// SPDX-License-Identifier: Apache-2.0
//
// An operator who puts back old memory: of parts of a session, of the integrity tree, or all of it
// at once. Source: design.md §4 "Integrity" and §7 invariant 5, protocol.md §5 "rollback-proof".

#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "integrity/tree_testing.h"
#include "peers/peers_testing.h"

namespace svr2::peers {

// Friend of Session and Link.
class SessionPeer {
 public:
  // The memory of a link, part by part.
  static std::vector<integrity::OldMemory> Parts(Session* session) SVR2_NO_THREAD_SAFETY_ANALYSIS {
    Link* const link = &session->link_;
    Link::Traffic* const t = &link->traffic_;
    std::vector<integrity::OldMemory> parts;
    parts.emplace_back("peer", &t->peer, sizeof(t->peer));
    parts.emplace_back("send key", t->send.key.data(), t->send.key.size());
    parts.emplace_back("send counter", &t->send.counter, sizeof(t->send.counter));
    parts.emplace_back("receive key", t->receive.key.data(), t->receive.key.size());
    parts.emplace_back("receive counter", &t->receive.counter, sizeof(t->receive.counter));
    parts.emplace_back("group id", &t->attested.group_id, sizeof(t->attested.group_id));
    parts.emplace_back("verified at", &t->attested.verified_at_seconds,
                       sizeof(t->attested.verified_at_seconds));
    parts.emplace_back("values", t->attested.values_hash.data(), t->attested.values_hash.size());
    parts.emplace_back("tag", &t->tag, sizeof(t->tag));
    parts.emplace_back("slot", &link->slot_, sizeof(link->slot_));
    return parts;
  }
  // What names the attempt under way.
  static integrity::OldMemory AttemptTag(Session* session) SVR2_NO_THREAD_SAFETY_ANALYSIS {
    return integrity::OldMemory("attempt", &session->attempt_->tag, sizeof(Tag));
  }
  static void ForgeGroup(Session* session, uint64_t group_id) SVR2_NO_THREAD_SAFETY_ANALYSIS {
    session->link_.traffic_.attested.group_id = group_id;
  }
  static void ForgeValues(Session* session) SVR2_NO_THREAD_SAFETY_ANALYSIS {
    (*session->link_values_.mutable_lim())["x"] = "y";
  }
  static std::string SendKey(const Session& session) SVR2_NO_THREAD_SAFETY_ANALYSIS {
    return session.link_.traffic_.send.key.view().ToString();
  }
  // Another link with the same keys and counters under a tree of its own: all memory put back.
  static void CopyLink(const Session& from, integrity::Tree* tree,
                       Link* to) SVR2_NO_THREAD_SAFETY_ANALYSIS {
    noise::Session keys;
    const Link::Traffic& t = from.link_.traffic_;
    keys.send = noise::CipherState(crypto::Aead::kAes256Gcm, t.send.key);
    keys.receive = noise::CipherState(crypto::Aead::kAes256Gcm, t.receive.key);
    Must(to->Open(tree, t.peer, t.tag, keys, t.attested));
    const Link::Content before = Link::ContentOf(to->traffic_);
    to->traffic_.send.counter = t.send.counter;
    to->traffic_.receive.counter = t.receive.counter;
    Must(tree->Update(to->slot_, before.view(), Link::ContentOf(to->traffic_).view()));
  }
};

namespace {

const char* const kUses[] = {"send", "receive", "attested", "reset", "replace"};

// What a use of the session answers; nothing that it gives out may be of use.
Status Use(const std::string& use, Pair* pair, const std::string& incoming) {
  End* const victim = pair->low.get();
  if (use == "send") {
    std::string message;
    const Status status = victim->Encrypt("a secret", &message);
    EXPECT_EQ(status.ok(), !message.empty());
    return status;
  }
  if (use == "receive") {
    const Status status = victim->Receive(incoming);
    EXPECT_EQ(status.ok(), victim->received.has_data);
    return status;
  }
  if (use == "attested") return victim->attested().status();
  if (use == "reset") {
    std::string reset;
    util::MutexLock lock(victim->session->mutex());
    return victim->session->Reset(victim->tree.get(), &reset);
  }
  // The other side confirms a new handshake, which gives the old link up.
  pair->high->Reset();
  Must(victim->Receive(pair->high->Connect()));
  Must(pair->high->Receive(victim->received.answer));
  return victim->Receive(pair->high->received.answer);
}

// Every part of the session's memory as it was some messages ago, met by every use: found out, or
// (parts that had not changed) harmless.
TEST(PeerMemory, AnyPartOfASessionPutBackIsFoundOut) {
  const size_t parts = [] {
    Pair pair;
    pair.Connect();
    return SessionPeer::Parts(pair.low->session.get()).size();
  }();
  for (const char* use : kUses) {
    for (size_t part = 0; part < parts; ++part) {
      Pair pair;
      pair.Connect();
      // Of the session before: everything differs.
      std::vector<integrity::OldMemory> old = SessionPeer::Parts(pair.low->session.get());
      for (int i = 0; i < 3; ++i) Hears(pair.low.get(), pair.high.get());
      pair.low->Reset();
      pair.high->Reset();
      pair.low->now_seconds += 60;
      pair.Connect();
      for (int i = 0; i < 2; ++i) {
        ASSERT_TRUE(Hears(pair.low.get(), pair.high.get()));
        ASSERT_TRUE(Hears(pair.high.get(), pair.low.get()));
      }
      const std::string incoming = pair.high->Encrypted("answer");
      const bool changed = old[part].Changed();
      old[part].Restore();
      SCOPED_TRACE(std::string(use) + ", " + old[part].name);
      const Status status = Use(use, &pair, incoming);
      if (!changed) {
        EXPECT_TRUE(status.ok());
      } else if (old[part].name == "tag" && std::string(use) == "receive") {
        // Taken as of no session.
        EXPECT_EQ(status, Status(proto::ERROR_PEERS_NOT_CONNECTED));
      } else {
        EXPECT_EQ(status, Status(proto::ERROR_INTEGRITY_MISMATCH));
      }
    }
  }
}

// A counter put back within one session: the receiver's would let a message in twice.
TEST(PeerMemory, ACounterPutBackIsFoundOut) {
  for (const char* name : {"send counter", "receive counter"}) {
    Pair pair;
    pair.Connect();
    std::vector<integrity::OldMemory> old = SessionPeer::Parts(pair.high->session.get());
    const std::string message = pair.low->Encrypted("one guess");
    ASSERT_TRUE(pair.high->Receive(message).ok());
    ASSERT_TRUE(Hears(pair.high.get(), pair.low.get()));
    for (const integrity::OldMemory& part : old) {
      if (part.name == name) part.Restore();
    }
    EXPECT_EQ(pair.high->Receive(message), Status(proto::ERROR_INTEGRITY_MISMATCH)) << name;
    EXPECT_FALSE(pair.high->received.has_data);
    EXPECT_EQ(pair.high->received.answer, "");  // A replica that stops says nothing more.
  }
}

// Together with any single node of the tree.
TEST(PeerMemory, ACounterAndATreeNodePutBackAreFoundOut) {
  size_t nodes = 1;
  for (size_t node = 0; node < nodes; ++node) {
    Pair pair;
    // Others' contents, so that the tree has some height: a lone node would be all of it.
    for (int i = 0; i < 40; ++i) Must(pair.high->tree->Allocate(std::string("other")));
    pair.Connect();
    std::vector<integrity::OldMemory> old = SessionPeer::Parts(pair.high->session.get());
    integrity::TagTree* const tags = integrity::TreePeer::tags(pair.high->tree.get());
    std::vector<integrity::OldMemory> tree = integrity::TreePeer::Nodes(tags);
    nodes = tree.size();
    const std::string message = pair.low->Encrypted("one guess");
    ASSERT_TRUE(pair.high->Receive(message).ok());
    for (const integrity::OldMemory& part : old) {
      if (part.name == "receive counter") part.Restore();
    }
    tree[node].Restore();
    EXPECT_EQ(pair.high->Receive(message), Status(proto::ERROR_INTEGRITY_MISMATCH))
        << tree[node].name;
    EXPECT_FALSE(pair.high->received.has_data);
  }
  EXPECT_GT(nodes, 1u);
}

// An attempt that was answered and whose memory is put back would take its answer, and then all
// DATA of its session, a second time.
TEST(PeerMemory, AnOldAttemptPutBackIsFoundOut) {
  Pair pair;
  const std::string syn = pair.low->Connect();
  const integrity::OldMemory old = SessionPeer::AttemptTag(pair.low->session.get());
  ASSERT_TRUE(pair.high->Receive(syn).ok());
  const std::string syn_ack = pair.high->received.answer;
  ASSERT_TRUE(pair.low->Receive(syn_ack).ok());
  pair.low->Reset();
  pair.low->Connect();
  integrity::OldMemory now = SessionPeer::AttemptTag(pair.low->session.get());
  now.bytes = old.bytes;
  now.Restore();
  EXPECT_EQ(pair.low->Receive(syn_ack), Status(proto::ERROR_INTEGRITY_MISMATCH));
  EXPECT_FALSE(pair.low->received.connected);
  EXPECT_EQ(pair.low->received.answer, "");
}

TEST(PeerMemory, AJoinerCannotBeMadeAMember) {
  Pair pair;
  pair.low->ShowGroup(0);
  pair.low->expectation.config.set_group_id(0);
  pair.low->expectation.group_id = attestation::GroupIdRule::kAnyExistingGroup;
  pair.high->expectation.group_id = attestation::GroupIdRule::kOursOrNone;
  pair.Connect();
  const std::string message = pair.low->Encrypted("forward this");
  SessionPeer::ForgeGroup(pair.high->session.get(), kGroupId);
  EXPECT_EQ(pair.high->Receive(message), Status(proto::ERROR_INTEGRITY_MISMATCH));
  EXPECT_FALSE(pair.high->received.has_data);
}

TEST(PeerMemory, EvidenceValuesCannotBeExchanged) {
  Pair pair;
  pair.Connect();
  SessionPeer::ForgeValues(pair.low->session.get());
  util::MutexLock lock(pair.low->session->mutex());
  EXPECT_EQ(pair.low->session->EvidenceValues(pair.low->tree.get()).error(),
            proto::ERROR_INTEGRITY_MISMATCH);
}

// "a replica whose memory was rolled back never encrypts two plaintexts under one key and nonce":
// everything is put back, the tree too, so nobody finds out.
TEST(PeerMemory, WithAllMemoryPutBackNoKeyAndNonceServeTwice) {
  Pair pair;
  pair.Connect();
  const std::string key = SessionPeer::SendKey(*pair.low->session);
  // Message keys and nonces follow from the direction's key, the counter and the random bytes.
  std::set<std::string> seen;
  for (int rollback = 0; rollback < 50; ++rollback) {
    // A tree and a link as they were at this moment, again and again.
    const auto tree = Must(integrity::Tree::Create(&pair.low->env, 4));
    Link link;
    SessionPeer::CopyLink(*pair.low->session, tree.get(), &link);
    for (int i = 0; i < 4; ++i) {
      std::string message;
      size_t pieces = 0;
      const std::string text(i == 3 ? kMaxPieceBytes + 1 : 10, static_cast<char>(rollback));
      ASSERT_TRUE(link.Seal(&pair.low->env, tree.get(), text, &message, &pieces).ok());
      for (size_t at = kHeaderBytes; at < message.size();
           at += kMaxPieceBytes + kPieceOverheadBytes) {
        EXPECT_TRUE(seen.insert(key + message.substr(at, 8 + 32)).second);
      }
    }
    ASSERT_TRUE(link.Close(tree.get()).ok());
  }
  EXPECT_EQ(seen.size(), 250u);
}

// The messages of two branches of one rolled-back sender: the receiver takes one of them only.
TEST(PeerMemory, OfTwoBranchesOfASenderOneIsHeard) {
  Pair pair;
  pair.Connect();
  const auto tree = Must(integrity::Tree::Create(&pair.low->env, 4));
  Link branch;
  SessionPeer::CopyLink(*pair.low->session, tree.get(), &branch);
  std::string other;
  size_t pieces = 0;
  ASSERT_TRUE(branch.Seal(&pair.low->env, tree.get(), std::string("b"), &other, &pieces).ok());
  ASSERT_TRUE(pair.high->Receive(pair.low->Encrypted("a")).ok());
  EXPECT_EQ(pair.high->Receive(other), Status(proto::ERROR_PEERS_OUT_OF_ORDER));
  ASSERT_TRUE(branch.Close(tree.get()).ok());
}

// Keys of a link that is closed are gone.
TEST(PeerMemory, ResetWipesTheKeys) {
  Pair pair;
  pair.Connect();
  EXPECT_NE(SessionPeer::SendKey(*pair.low->session), std::string(32, '\0'));
  pair.low->Reset();
  EXPECT_EQ(SessionPeer::SendKey(*pair.low->session), std::string(32, '\0'));
}

}  // namespace
}  // namespace svr2::peers
