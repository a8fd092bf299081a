// SPDX-License-Identifier: Apache-2.0
//
// Whole groups of replicas under random delivery, loss, duplication, reordering, partitions, new
// sessions, crashes, membership changes, transfers and, where the super-majority allows it, one
// rollback of a replica's memory. What must hold is checked after each step (design.md §7.4 and
// protocol.md §4). The seed is printed; the same seed gives the same run.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>

#include "raft/group_testing.h"

namespace svr2::raft {
namespace {

struct Shape {
  uint8_t voters;
  uint32_t super_majority;
  bool rollback;
  bool changes;  // Of membership.
};

class RandomRun {
 public:
  RandomRun(const Shape& shape, uint64_t seed)
      : shape_(shape), random_(seed), group_(OptionsOf(shape), shape.voters) {
    group_.on_output = [this](uint8_t number, const Output& output) { Watch(number, output); };
    next_joiner_ = static_cast<uint8_t>(shape.voters + 1);
  }

  void Run(int steps) {
    for (int step = 0; step < steps && !::testing::Test::HasFailure(); ++step) {
      Act();
      for (auto& [number, raft] : group_.replicas()) CheckReplica(number, raft);
    }
  }

  // All links good and all replicas running: what was promised goes on, and new entries commit.
  void ExpectProgress() {
    group_.Heal();
    group_.Tick(100);
    std::optional<uint8_t> leader;
    for (auto& [number, raft] : group_.replicas()) {
      if (raft.is_leader()) leader = number;
    }
    ASSERT_TRUE(leader.has_value());
    const Result<Position> position = group_[*leader].Propose(EntryKind::kData, Text("at the end"));
    ASSERT_TRUE(position.ok()) << position.error();
    group_.Tick(20);
    for (const Member& member : group_[*leader].membership().members()) {
      const uint8_t number = NumberOf(member.id);
      if (group_.Has(number)) {
        EXPECT_GE(group_[number].commit_index(), position->index) << int{number};
      }
    }
  }

  uint64_t committed() const { return committed_.empty() ? 0 : committed_.rbegin()->first; }
  uint64_t terms() const { return leaders_.size(); }
  bool rolled_back() const { return rolled_back_; }

 private:
  static Options OptionsOf(const Shape& shape) {
    Options options = GroupOf(shape.voters, shape.super_majority);
    // No group may shrink to where one more crash ends it.
    options.log.max_bytes = 16384;
    options.log.min_entries = 8;
    if (shape.changes) options.group.min_voting_replicas = shape.super_majority + 1;
    return options;
  }

  uint64_t Below(uint64_t bound) { return random_() % bound; }
  bool OneIn(uint64_t n) { return Below(n) == 0; }
  uint8_t AnyReplica() {
    auto place = group_.replicas().begin();
    std::advance(place, static_cast<ptrdiff_t>(Below(group_.replicas().size())));
    return place->first;
  }

  void Act() {
    const uint64_t what = Below(1000);
    if (what < 560) return Deliver();
    if (what < 740) return Tick();
    if (what < 860) return Propose();
    if (what < 900) return Lose();
    if (what < 920) return Duplicate();
    if (what < 935) return Partition();
    if (what < 960) return Reconnect();
    if (what < 970) return Transfer();
    if (what < 980) return Change();
    if (what < 990) return Save();
    return RollBack();
  }

  void Deliver() {
    std::deque<Sent>& queue = group_.net().queue();
    if (queue.empty()) return;
    // Mostly in order.
    const size_t place = OneIn(10) ? static_cast<size_t>(Below(queue.size())) : 0;
    std::swap(queue[0], queue[place]);
    group_.DeliverOne();
    group_.delivered.clear();
  }
  void Tick() {
    const uint8_t number = AnyReplica();
    group_[number].Tick();
    group_.Take(number);
  }
  void Propose() {
    const uint8_t number = AnyReplica();
    const std::string text(1 + Below(300), static_cast<char>(Below(256)));
    if (group_[number].Propose(EntryKind::kData, Text(text)).ok() && !OneIn(3)) {
      group_.Take(number);
    }
  }
  void Lose() {
    std::deque<Sent>& queue = group_.net().queue();
    if (queue.empty()) return;
    queue.erase(queue.begin() + static_cast<ptrdiff_t>(Below(queue.size())));
  }
  void Duplicate() {
    std::deque<Sent>& queue = group_.net().queue();
    if (queue.empty() || queue.size() > 200) return;
    util::SecretBytes bytes;
    const Sent& sent = queue[static_cast<size_t>(Below(queue.size()))];
    EncodeMessage(sent.message, &bytes);
    queue.push_back(Sent{sent.from, sent.to, std::move(*DecodeMessage(util::View(bytes)))});
  }
  void Partition() {
    if (OneIn(2)) return group_.Heal();
    const uint8_t number = AnyReplica();
    if (OneIn(2)) return group_.Isolate(number);
    const uint8_t other = AnyReplica();
    if (other != number) group_.net().Cut(number, other);  // One way.
  }
  void Reconnect() {
    const uint8_t a = AnyReplica();
    const uint8_t b = AnyReplica();
    if (a != b && !group_.net().IsCut(a, b)) group_.Connect(a, b);
  }
  void Transfer() { (void)group_[AnyReplica()].TransferLeadership(std::nullopt); }
  void Change() {
    if (!shape_.changes) return;
    const uint8_t number = AnyReplica();
    Raft& raft = group_[number];
    if (!raft.is_leader()) return;
    const auto kind = static_cast<ChangeKind>(Below(4));
    uint8_t subject = AnyReplica();
    if (kind == ChangeKind::kAdd) {
      if (group_.replicas().size() >= shape_.voters + 2u ||
          raft.membership_index() > raft.applied_index()) {
        return;
      }
      subject = next_joiner_;
    }
    if (!raft.ChangeMembership(kind, TestPeer(subject), false).ok()) return;
    if (kind == ChangeKind::kAdd) {
      Result<Raft> joiner =
          Raft::Join(raft.options(), TestPeer(subject), raft.applied(), memberships_.at(number),
                     membership_indexes_.at(number), group_.random(subject));
      ASSERT_TRUE(joiner.ok());
      group_.replicas().insert_or_assign(subject, *joiner);
      ++next_joiner_;
    }
  }
  void Save() {
    if (!shape_.rollback || rolled_back_ || saved_.has_value()) return;
    saved_number_ = AnyReplica();
    saved_.emplace(group_[saved_number_]);
  }
  void RollBack() {
    if (!saved_.has_value() || rolled_back_ || !group_.Has(saved_number_)) return;
    rolled_back_ = true;
    group_.RollBack(saved_number_, *saved_);
    promises_.erase(saved_number_);
    // Its sessions are as they were: nothing tells the others.
  }

  void Watch(uint8_t number, const Output& output) {
    Raft& raft = group_[number];
    if (output.stopped.has_value()) {
      stopped_.push_back(number);
      const bool removed = *output.stopped == proto::ERROR_RAFT_REMOVED && shape_.changes;
      // A removed replica that missed its removal may need what is gone, as may one that was cut
      // off for long.
      const bool dropped = *output.stopped == proto::ERROR_RAFT_ENTRIES_DROPPED;
      EXPECT_TRUE(removed || dropped || rolled_back_)
          << "replica " << int{number} << " stopped: " << proto::Error_Name(*output.stopped);
      return;
    }
    for (const RoleChange& change : output.role_changes) {
      if (change.role != Role::kLeader) continue;
      const auto [place, fresh] = leaders_.emplace(change.term, number);
      EXPECT_EQ(place->second, number) << "two leaders of term " << change.term;
      (void)fresh;
    }
    for (uint64_t i = output.first_committed; i <= output.last_committed; ++i) {
      const EntryView entry = raft.log().At(i);
      const auto [place, fresh] = committed_.emplace(i, entry.position());
      EXPECT_TRUE(place->second == entry.position())
          << "replica " << int{number} << " committed another entry " << i;
      (void)fresh;
    }
    if (output.first_committed <= output.last_committed) {
      EXPECT_TRUE(raft.log().ChainHolds(output.first_committed, output.last_committed));
    }
    if (raft.membership_index() <= raft.commit_index()) {
      memberships_[number] = raft.membership();
      membership_indexes_[number] = raft.membership_index();
    }
  }

  void CheckReplica(uint8_t number, const Raft& raft) {
    if (raft.stopped().has_value()) return;
    EXPECT_GE(raft.last_index(), raft.promise_index());
    EXPECT_GE(raft.promise_index(), raft.commit_index());
    EXPECT_GE(raft.commit_index(), raft.applied_index());
    EXPECT_LE(IntegrityState(raft).size(), Raft::kMaxIntegrityStateBytes);
    const auto known = promises_.find(number);
    if (known != promises_.end()) {
      EXPECT_GE(raft.promise_index(), known->second.index) << "a promise was taken back";
      if (raft.log().HasPosition(known->second.index)) {
        EXPECT_TRUE(raft.log().PositionAt(known->second.index) == known->second)
            << "what was promised was replaced";
      }
    }
    promises_[number] = raft.promise();
    // Without rollbacks index and term name an entry (log matching, thesis 3.5).
    if (rolled_back_) return;
    const auto [place, fresh] =
        entries_.emplace(std::make_pair(raft.last_index(), raft.last().term), raft.last().hash);
    EXPECT_TRUE(place->second == raft.last().hash) << "two entries of one index and term";
    (void)fresh;
  }

  const Shape shape_;
  std::mt19937_64 random_;
  TestGroup group_;
  uint8_t next_joiner_;
  std::optional<Raft> saved_;
  uint8_t saved_number_ = 0;
  bool rolled_back_ = false;
  std::vector<uint8_t> stopped_;

  std::map<uint64_t, uint8_t> leaders_;
  std::map<uint64_t, Position> committed_;
  std::map<uint8_t, Position> promises_;
  std::map<uint8_t, Membership> memberships_;
  std::map<uint8_t, uint64_t> membership_indexes_;
  std::map<std::pair<uint64_t, uint64_t>, Hash> entries_;
};

class RaftRandomGroupTest : public ::testing::TestWithParam<Shape> {};

TEST_P(RaftRandomGroupTest, Holds) {
  const uint64_t seed = util::TestSeed();
  const uint64_t runs = util::FuzzInputs(30);
  uint64_t committed = 0;
  uint64_t terms = 0;
  uint64_t rollbacks = 0;
  for (uint64_t i = 0; i < runs; ++i) {
    SCOPED_TRACE("run " + std::to_string(i) + " of seed " + std::to_string(seed));
    RandomRun run(GetParam(), seed + i);
    run.Run(2000);
    if (!GetParam().rollback && !GetParam().changes && !HasFailure()) run.ExpectProgress();
    if (HasFailure()) return;
    committed += run.committed();
    terms += run.terms();
    if (run.rolled_back()) ++rollbacks;
  }
  std::printf("%llu entries, %llu terms, %llu rollbacks\n",
              static_cast<unsigned long long>(committed), static_cast<unsigned long long>(terms),
              static_cast<unsigned long long>(rollbacks));
  EXPECT_GT(committed, runs * 10);
}

INSTANTIATE_TEST_SUITE_P(Shapes, RaftRandomGroupTest,
                         ::testing::Values(Shape{3, 0, false, false}, Shape{5, 0, false, false},
                                           Shape{4, 1, false, false}, Shape{5, 1, false, false},
                                           Shape{5, 0, false, true}, Shape{5, 1, false, true},
                                           Shape{4, 1, true, false}, Shape{5, 1, true, false},
                                           Shape{5, 1, true, true}, Shape{7, 2, true, false}),
                         [](const auto& shape) {
                           return std::to_string(shape.param.voters) + "Voters" +
                                  std::to_string(shape.param.super_majority) +
                                  (shape.param.rollback ? "Rollback" : "") +
                                  (shape.param.changes ? "Changes" : "");
                         });

}  // namespace
}  // namespace svr2::raft
