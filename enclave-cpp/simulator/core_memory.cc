// SPDX-License-Identifier: Apache-2.0
//
// An operator who puts memory of enclaves back: all of one, or a single region.

#include <algorithm>
#include <utility>

#include "core/core_peer_testing.h"
#include "db/database_testing.h"
#include "simulator/core_world.h"

namespace svr2::simulator {
namespace {

constexpr size_t kMaxSnapshots = 3;
constexpr size_t kMaxReplayed = 60;
// Counters of a run stay below; what is above is a key, a hash or an address.
constexpr uint64_t kMaxCount = 100'000;

std::vector<uint64_t> IndexesOf(const raft::Raft& raft) {
  return {raft.term(), raft.last_index(), raft.promise_index(), raft.commit_index(),
          raft.applied_index()};
}

bool SamePlace(const integrity::OldMemory& a, const integrity::OldMemory& b) {
  return a.data == b.data && a.bytes.size() == b.bytes.size();
}

}  // namespace

// ---- All of it ----

void CoreWorld::TakeSnapshot(size_t at) {
  Replica* const replica = hosts_[at].replica.get();
  if (replica == nullptr) return;
  if (replica->snapshots.size() == kMaxSnapshots) replica->snapshots.pop_front();
  replica->snapshots.push_back(
      Snapshot{replica->memory->Copy(), replica->heard_before + replica->heard.size()});
}

// Never more replicas than the super-majority allows.
bool CoreWorld::RollBack(const Fault& fault) {
  Random random(fault.random);
  std::vector<size_t> candidates;
  for (size_t at = 0; at < hosts_.size(); ++at) {
    const Replica* const replica = hosts_[at].replica.get();
    if (replica == nullptr || replica->snapshots.empty()) continue;
    if (IsVictim(replica->number) || victims_.size() < plan_.shape.super_majority) {
      candidates.push_back(at);
    }
  }
  if (candidates.empty()) return false;
  const size_t at = random.Pick(candidates);
  Replica* const replica = hosts_[at].replica.get();
  if (!IsVictim(replica->number)) victims_.push_back(replica->number);
  const Snapshot& snapshot = replica->snapshots[random.Below(replica->snapshots.size())];
  verdict_->Event("r" + std::to_string(replica->number) + " is rolled back");
  LoseSessions(at);
  indexes_.RolledBack(replica->number);
  replica->memory->Restore(snapshot.memory);
  replica->altered = replica->rolled_back = true;
  replica->old_regions = OldRegions();
  replica->checked_commit = replica->checked_applied = 0;
  ++totals_["rollbacks"];
  if (random.PerMille(500)) Replay(at, snapshot.heard, &random);
  return true;
}

// What it heard since then, once more: its sessions are as old as its memory.
void CoreWorld::Replay(size_t at, uint64_t first, Random* random) {
  Replica* replica = hosts_[at].replica.get();
  const uint32_t number = replica->number;
  if (first < replica->heard_before) return;
  const size_t begin = static_cast<size_t>(first - replica->heard_before);
  if (begin >= replica->heard.size()) return;
  const auto from = replica->heard.begin() + static_cast<std::ptrdiff_t>(begin);
  std::vector<Carried> again(from, replica->heard.end());
  again.resize(random->Between(1, std::min(again.size(), kMaxReplayed)));
  const bool mute = random->PerMille(500);
  for (const Carried& carried : again) {
    replica = hosts_[at].replica.get();
    if (replica == nullptr || replica->number != number) return;
    replica->mute = mute;
    Deliver(at, carried);
  }
  replica = hosts_[at].replica.get();
  if (replica != nullptr && replica->number == number) replica->mute = false;
}

// ---- A single region ----

// Rows, nodes of trees and their roots: all that is protected piece by piece.
std::vector<integrity::OldMemory> CoreWorld::RegionsOf(size_t at) const {
  core::Core* const core = hosts_[at].replica->core;
  std::vector<integrity::OldMemory> regions =
      integrity::TreePeer::Nodes(integrity::TreePeer::tags(core::CorePeer::tree(core)));
  db::Database* const db = core::CorePeer::db(core);
  for (const bool whole_blocks : {false, true}) {
    for (const db::Region& region : db::DatabasePeer::Regions(db, whole_blocks)) {
      regions.emplace_back(region.name, region.data, region.bytes);
    }
  }
  for (const db::Region& region :
       {db::DatabasePeer::RootField(db), db::DatabasePeer::DigestField(db)}) {
    regions.emplace_back(region.name, region.data, region.bytes);
  }
  return regions;
}

// Copies regions now; a little later one that has changed is put back. It must be found, or do no
// harm: the other checkers see to that.
bool CoreWorld::CopyRegions(const Fault& fault) {
  Replica* const replica = hosts_[fault.host].replica.get();
  const raft::Raft* const raft = RaftOf(fault.host);
  if (raft == nullptr || raft->stopped().has_value() || !replica->old_regions.empty()) return false;
  OldRegions& old = replica->old_regions;
  old.put_back_at = now_ + fault.ticks * kUnitsPerTick;
  old.random = fault.random;
  old.pieces = RegionsOf(fault.host);
  const auto add = [&old](uint64_t session, const void* object, size_t size) {
    old.objects.push_back(
        OldObject{session, const_cast<void*>(object), core::CopyOf(object, size), {}});
  };
  add(0, raft, sizeof(*raft));
  old.objects.back().indexes = IndexesOf(*raft);
  for (const Client& client : clients_) {
    if (client.phase != Phase::kReady || client.host != fault.host) continue;
    const auto session = core::CorePeer::session(replica->core, client.session);
    if (session != nullptr) add(client.session, session.get(), sizeof(*session));
  }
  return true;
}

// The words of the consensus and of client sessions that have counted on since.
std::vector<integrity::OldMemory> CoreWorld::Countings(size_t at) const {
  const Replica& replica = *hosts_[at].replica;
  std::vector<integrity::OldMemory> words;
  const auto add = [&words](std::vector<integrity::OldMemory> more) {
    std::move(more.begin(), more.end(), std::back_inserter(words));
  };
  for (const OldObject& old : replica.old_regions.objects) {
    if (old.session == 0) {
      const std::vector<uint64_t> indexes = IndexesOf(*RaftOf(at));
      for (size_t i = 0; i < indexes.size(); ++i) {
        if (old.indexes[i] == indexes[i]) continue;
        add(core::ChangedWords(old.object, old.bytes, old.indexes[i], indexes[i]));
      }
      continue;
    }
    const auto session = core::CorePeer::session(replica.core, old.session);
    if (session.get() != old.object) continue;
    const std::string now = core::CopyOf(old.object, old.bytes.size());
    for (size_t word = 0; word + 8 <= now.size(); word += 8) {
      uint64_t before, after;
      std::memcpy(&before, &old.bytes[word], 8);
      std::memcpy(&after, &now[word], 8);
      if (before >= after || after > kMaxCount) continue;
      words.emplace_back("session", static_cast<char*>(old.object) + word, 8);
      std::memcpy(words.back().bytes.data(), &before, 8);
    }
  }
  return words;
}

void CoreWorld::PutRegionBack(size_t at) {
  Replica* const replica = hosts_[at].replica.get();
  Random random(replica->old_regions.random);
  const raft::Raft* const raft = RaftOf(at);
  // It may stop for good: like a crash.
  if (raft == nullptr || raft->stopped().has_value() || !Survives(at)) {
    replica->old_regions = OldRegions();
    return;
  }
  std::vector<integrity::OldMemory> pieces;
  const std::vector<integrity::OldMemory> today = RegionsOf(at);
  for (const integrity::OldMemory& piece : replica->old_regions.pieces) {
    // What is no region any more may be anything by now.
    const bool still = std::any_of(today.begin(), today.end(),
                                   [&](const auto& one) { return SamePlace(one, piece); });
    if (still && piece.Changed()) pieces.push_back(piece);
  }
  std::vector<integrity::OldMemory> words = Countings(at);
  replica->old_regions = OldRegions();
  if (pieces.empty() && words.empty()) return;
  const bool word = pieces.empty() || (!words.empty() && random.PerMille(400));
  const integrity::OldMemory& chosen = random.Pick(word ? words : pieces);
  chosen.Restore();
  verdict_->Event("r" + std::to_string(replica->number) +
                  " has an old region in its memory: " + chosen.name);
  replica->altered = true;
  regions_restored_ = true;
  ++totals_[word ? "counters put back" : "regions put back"];
}

}  // namespace svr2::simulator
