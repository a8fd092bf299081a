// SPDX-License-Identifier: Apache-2.0
//
// Replica's part for streams of state, at the source and at the joiner (core/state_stream.h).

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "core/replica.h"
#include "core/replica_loading.h"
#include "crypto/hash.h"
#include "raft/message_codec.h"
#include "util/endian.h"

namespace svr2::core {

namespace {

void FillPosition(const raft::Position& position, proto::LogPosition* out) {
  out->set_index(position.index);
  out->set_term(position.term);
  out->set_hash(position.hash.data(), position.hash.size());
}

auto FindStream(std::vector<StateStream>* streams, const raft::PeerId& joiner) {
  return std::find_if(streams->begin(), streams->end(),
                      [&joiner](const StateStream& stream) { return stream.joiner == joiner; });
}

}  // namespace

// ---- Source ----

Status Replica::StartStream(const raft::PeerId& joiner) {
  util::MutexLock lock(&mutex_);
  if (stopped_.has_value()) return proto::ERROR_CORE_STOPPED;
  if (group_ == nullptr) return proto::ERROR_CORE_NO_GROUP;
  // Only what a member holds is known to be the group's.
  if (!group_->raft.membership_committed() || !group_->compared) return proto::ERROR_CORE_JOINING;
  const auto found = FindStream(&streams_, joiner);
  if (found != streams_.end()) streams_.erase(found);
  if (streams_.size() >= kMaxStateStreams) return proto::ERROR_CORE_TOO_MANY_STREAMS;
  streams_.emplace_back();
  streams_.back().joiner = joiner;
  return Status::Ok();
}

bool Replica::NextPush(raft::PeerId* joiner, StreamPush* push, Outcome* outcome) {
  util::MutexLock lock(&mutex_);
  if (stopped_.has_value() || group_ == nullptr) return false;
  // A joiner begins with a membership that is applied; one that is under way is so in a moment.
  const bool may_start = group_->raft.membership_index() <= group_->raft.applied_index();
  const auto ready =
      std::find_if(streams_.begin(), streams_.end(), [may_start](const StateStream& stream) {
        return !stream.overrun && stream.in_flight < kMaxPushesInFlight &&
               (may_start || stream.next_sequence > 1) &&
               (!stream.rows_done_sent || !stream.entries.empty());
      });
  if (ready == streams_.end()) return false;
  StateStream& stream = *ready;
  // Rows are answers, too: nothing leaves that was read from memory that was put back.
  Anchor anchor;
  ReadAnchor(&anchor);
  Status status = tree_->Verify(group_->slot, anchor.view());
  util::SecretBytes rows;
  // Rows hold what every entry so far has changed: with an entry still to come, it would count
  // twice.
  if (status.ok() && !stream.rows_done_sent && stream.entries.size() <= 1) {
    status = group_->db->ReadRows(&stream.cursor, kMaxPushRowsBytes, &rows);
  }
  if (!status.ok()) {
    StopLocked(status.error(), outcome);
    return false;
  }
  *joiner = stream.joiner;
  push->head.set_sequence(stream.next_sequence);
  if (stream.next_sequence == 1) {
    const raft::Raft& raft = group_->raft;
    proto::StateStart* start = push->head.mutable_start();
    FillPosition(raft.applied(), start->mutable_applied());
    const util::Bytes encoded = raft.membership().Encode();
    start->set_membership(encoded.data(), encoded.size());
    start->set_membership_index(raft.membership_index());
    start->set_minimums(group_->minimums.serialized());
  }
  push->head.set_rows_bytes(rows.size());
  push->head.set_rows_done(stream.cursor.done);
  push->attachment = std::move(rows);
  if (!stream.entries.empty()) {
    const util::SecretBytes& entries = stream.entries.front();
    push->head.set_entries_bytes(entries.size());
    push->attachment.insert(push->attachment.end(), entries.begin(), entries.end());
    stream.entries_bytes -= entries.size();
    stream.entries.erase(stream.entries.begin());
  }
  stream.rows_done_sent = stream.cursor.done;
  ++stream.next_sequence;
  ++stream.in_flight;
  return true;
}

void Replica::PushTaken(const raft::PeerId& joiner, uint64_t rows) {
  metrics_->Increment(proto::COUNTER_STATE_ROWS_SENT, rows);
  util::MutexLock lock(&mutex_);
  const auto found = FindStream(&streams_, joiner);
  if (found == streams_.end()) return;
  if (found->overrun) {
    streams_.erase(found);
  } else if (found->in_flight > 0) {
    --found->in_flight;
  }
}

void Replica::EndStream(const raft::PeerId& joiner) {
  util::MutexLock lock(&mutex_);
  const auto found = FindStream(&streams_, joiner);
  if (found != streams_.end()) streams_.erase(found);
}

// Copies an applied entry for each joiner, so that the log may drop it.
void Replica::FeedStreams(const raft::EntryView& entry, Outcome* outcome) {
  for (StateStream& stream : streams_) {
    // What is applied before the first rows are read is in them.
    if (stream.next_sequence == 1 || stream.overrun) continue;
    const size_t bytes = raft::EncodedEntryBytes(entry.payload.size());
    if (stream.entries_bytes + bytes > kMaxStreamEntriesBytes) {
      stream.overrun = true;
      stream.entries.clear();
      stream.entries_bytes = 0;
      continue;
    }
    if (stream.entries.empty() || stream.entries.back().size() + bytes > kMaxPushEntriesBytes) {
      stream.entries.emplace_back();
    }
    raft::EncodeEntry(entry, &stream.entries.back());
    stream.entries_bytes += bytes;
    outcome->streams_ready = true;
  }
}

// ---- Joiner ----

Status Replica::BeginLoading(const raft::PeerId& source, const proto::RaftGroupConfig& config,
                             util::ByteView group_key) {
  if (group_key.size() != 32) return proto::ERROR_PEERS_MALFORMED_MESSAGE;
  util::MutexLock lock(&mutex_);
  if (stopped_.has_value()) return proto::ERROR_CORE_STOPPED;
  if (group_ != nullptr) return proto::ERROR_CORE_GROUP_EXISTS;
  DropLoading();
  auto loading = std::make_unique<Loading>(GroupKeys(group_key));
  loading->source = source;
  loading->config = config;
  loading_ = std::move(loading);
  return Status::Ok();
}

void Replica::AbandonLoading() {
  util::MutexLock lock(&mutex_);
  DropLoading();
}

void Replica::DropLoading() {
  if (loading_ != nullptr && loading_->db != nullptr) {
    Anchor anchor;
    ReadLoadingAnchor(&anchor);
    // Altered or not, nothing of it is used any more.
    metrics_->CountError(tree_->Release(loading_->slot, anchor.view()).error());
  }
  loading_.reset();
}

void Replica::ReadLoadingAnchor(Anchor* anchor) const {
  uint8_t* out = anchor->bytes.data();
  const auto number = [&out](uint64_t value) {
    util::StoreBigEndian64(out, value);
    out += sizeof(value);
  };
  const auto bytes = [&out](util::ByteView value) {
    std::memcpy(out, value.data(), value.size());
    out += value.size();
  };
  number(loading_->next_sequence);
  number(loading_->applied.index);
  number(loading_->applied.term);
  bytes(loading_->applied.hash);
  number(loading_->membership_index);
  bytes(crypto::Sha256(loading_->membership.Encode()));
  bytes(crypto::Sha256(loading_->minimums.serialized()));
  bytes(loading_->source);
  out += loading_->db->WriteRoot(out);
  anchor->size = static_cast<size_t>(out - anchor->bytes.data());
}

Status Replica::Load(const raft::PeerId& source, const proto::StatePush& head,
                     util::ByteView attachment, Taken* taken, Outcome* outcome) {
  *taken = Taken();
  if (head.rows_bytes() > attachment.size() ||
      attachment.size() - head.rows_bytes() != head.entries_bytes()) {
    return proto::ERROR_PEERS_MALFORMED_MESSAGE;
  }
  util::MutexLock lock(&mutex_);
  if (stopped_.has_value()) return proto::ERROR_CORE_STOPPED;
  try {
    if (group_ != nullptr) return ContinueStream(source, head, attachment, outcome);
    if (loading_ == nullptr || loading_->source != source ||
        head.sequence() != loading_->next_sequence) {
      return proto::ERROR_CORE_STREAM_LOST;
    }
    SVR2_RETURN_IF_ERROR(LoadPart(head, attachment, &taken->rows));
    if (!head.rows_done()) return Status::Ok();
    SVR2_RETURN_IF_ERROR(FinishLoading(outcome));
    taken->loaded = true;
    return Status::Ok();
  } catch (const std::bad_alloc&) {
    if (group_ != nullptr) {
      StopLocked(proto::ERROR_OUT_OF_MEMORY, outcome);
    } else {
      DropLoading();
    }
    return proto::ERROR_OUT_OF_MEMORY;
  }
}

// One push while rows are still coming: entries first, then rows.
Status Replica::LoadPart(const proto::StatePush& head, util::ByteView attachment, uint64_t* rows) {
  Anchor before;
  const bool first = loading_->db == nullptr;
  if (first) {
    SVR2_RETURN_IF_ERROR(LoadFirst(head));
  } else {
    ReadLoadingAnchor(&before);
  }
  const size_t rows_bytes = static_cast<size_t>(head.rows_bytes());
  SVR2_RETURN_IF_ERROR(LoadEntries(attachment.From(rows_bytes)));
  if (rows_bytes > 0) {
    SVR2_RETURN_IF_ERROR(loading_->db->LoadRows(attachment.Sub(0, rows_bytes), rows));
    metrics_->Increment(proto::COUNTER_STATE_ROWS_LOADED, *rows);
  }
  ++loading_->next_sequence;
  Anchor after;
  ReadLoadingAnchor(&after);
  if (!first) return tree_->Update(loading_->slot, before.view(), after.view());
  const Result<integrity::Slot> slot = tree_->Allocate(after.view());
  if (!slot.ok()) {
    loading_->db.reset();
    return slot.status();
  }
  loading_->slot = *slot;
  return Status::Ok();
}

Status Replica::LoadFirst(const proto::StatePush& head) {
  const proto::StateStart& start = head.start();
  if (!head.has_start() || start.applied().hash().size() != sizeof(raft::Hash)) {
    return proto::ERROR_PEERS_MALFORMED_MESSAGE;
  }
  Result<raft::Membership> membership = raft::Membership::Decode(start.membership());
  if (!membership.ok()) return membership.status();
  Result<minimums::Minimums> minimums = minimums::Minimums();
  if (!start.minimums().empty()) minimums = minimums::Minimums::Parse(start.minimums());
  if (!minimums.ok()) return minimums.status();
  Result<std::unique_ptr<db::Database>> database = NewDatabase(loading_->keys, true);
  if (!database.ok()) return database.status();
  loading_->applied = raft::Position{start.applied().index(), start.applied().term(),
                                     util::ToArray<32>(util::ByteView(start.applied().hash()))};
  loading_->membership = std::move(*membership);
  loading_->membership_index = start.membership_index();
  loading_->minimums = std::move(*minimums);
  loading_->db = std::move(*database);
  return Status::Ok();
}

Status Replica::LoadEntries(util::ByteView bytes) {
  if (bytes.empty()) return Status::Ok();
  const Result<std::vector<raft::Entry>> entries = raft::DecodeEntries(bytes);
  if (!entries.ok()) return entries.status();
  for (const raft::Entry& entry : *entries) SVR2_RETURN_IF_ERROR(LoadEntry(entry));
  return Status::Ok();
}

// Brings what is loaded from the state before an entry to the state after it. Rows beyond the last
// one that is here will come in that state anyway.
Status Replica::LoadEntry(const raft::Entry& entry) {
  const raft::Hash hash = raft::ChainHash(loading_->applied.hash, entry.kind, entry.index,
                                          entry.term, util::View(entry.payload));
  if (entry.index != loading_->applied.index + 1 || entry.term < loading_->applied.term ||
      !util::ConstantTimeEqual(hash, entry.hash)) {
    return proto::ERROR_RAFT_MALFORMED_MESSAGE;
  }
  const util::ByteView payload = util::View(entry.payload);
  if (entry.kind == raft::EntryKind::kMembership) {
    Result<raft::Membership> membership = raft::Membership::Decode(payload);
    if (!membership.ok()) return membership.status();
    loading_->membership = std::move(*membership);
    loading_->membership_index = entry.index;
  } else if (entry.kind == raft::EntryKind::kMinimums) {
    Result<minimums::Minimums> minimums = minimums::Minimums::Parse(payload);
    if (!minimums.ok()) return minimums.status();
    SVR2_RETURN_IF_ERROR(loading_->minimums.CheckChange(*minimums));
    loading_->minimums = std::move(*minimums);
  } else if (entry.kind == raft::EntryKind::kData) {
    Result<db::EntryReader> reader = db::EntryReader::Parse(payload);
    if (!reader.ok()) return reader.status();
    db::Command command;
    while (reader->Next(&command)) {
      db::Effect effect;  // On ids that are not loaded yet there is none.
      SVR2_RETURN_IF_ERROR(loading_->db->Apply(command, &effect));
    }
  }
  loading_->applied = raft::Position{entry.index, entry.term, entry.hash};
  return Status::Ok();
}

// All rows are here: from now on this is a follower that is not yet a member.
Status Replica::FinishLoading(Outcome* outcome) {
  Anchor anchor;
  ReadLoadingAnchor(&anchor);
  const Status released = tree_->Release(loading_->slot, anchor.view());
  if (!released.ok()) {
    StopLocked(released.error(), outcome);
    return released;
  }
  std::unique_ptr<Loading> loading = std::move(loading_);
  Result<raft::Raft> raft =
      raft::Raft::Join(RaftOptions(settings_), self_, loading->applied, loading->membership,
                       loading->membership_index, RandomBits());
  if (!raft.ok()) return raft.status();
  auto group =
      std::make_unique<GroupState>(std::move(*raft), std::move(loading->db), loading->keys);
  group->config = loading->config;
  group->minimums = loading->minimums;
  group->compared = settings_.group.super_majority() == 0;
  group->streaming = true;
  group->source = loading->source;
  group->next_sequence = loading->next_sequence;
  return InstallGroup(std::move(group));
}

// A push after the last row: entries alone, until the leader's own messages have taken over.
Status Replica::ContinueStream(const raft::PeerId& source, const proto::StatePush& head,
                               util::ByteView attachment, Outcome* outcome) {
  if (!group_->streaming || group_->source != source || head.sequence() != group_->next_sequence ||
      head.rows_bytes() != 0) {
    return proto::ERROR_CORE_STREAM_LOST;
  }
  const Result<std::vector<raft::Entry>> entries = raft::DecodeEntries(attachment);
  if (!entries.ok()) return entries.status();
  Anchor before;
  ReadAnchor(&before);
  Status status;
  for (const raft::Entry& entry : *entries) {
    status = group_->raft.AppendCommitted(entry);
    if (!status.ok()) break;
  }
  ++group_->next_sequence;
  if (group_->raft.membership_committed()) group_->streaming = false;
  AdvanceLocked(before, 0, outcome);
  if (group_->raft.membership_committed()) group_->streaming = false;
  return status;
}

}  // namespace svr2::core
