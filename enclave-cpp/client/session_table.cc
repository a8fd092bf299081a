// SPDX-License-Identifier: Apache-2.0

#include "client/session_table.h"

#include <new>
#include <utility>

namespace svr2::client {

namespace {

// Takes one place of `limit`, or none when all are taken.
bool TakePlace(std::atomic<size_t>* places, size_t limit) {
  size_t taken = places->load(std::memory_order_relaxed);
  while (taken < limit) {
    if (places->compare_exchange_weak(taken, taken + 1, std::memory_order_relaxed)) return true;
  }
  return false;
}

}  // namespace

Result<std::shared_ptr<Session>> SessionTable::Open(const BackupId& backup_id,
                                                    std::shared_ptr<const ServerKey> key,
                                                    uint64_t now_tick) {
  if (!TakePlace(&sessions_, limits_.max_client_sessions)) return proto::ERROR_CLIENT_TOO_MANY;
  if (!TakePlace(&pending_, limits_.max_pending_handshakes)) {
    sessions_.fetch_sub(1, std::memory_order_relaxed);
    return proto::ERROR_CLIENT_TOO_MANY;
  }
  const uint64_t id = next_id_.fetch_add(1, std::memory_order_relaxed);
  Shard& shard = ShardOf(id);
  try {
    auto session = std::make_shared<Session>(id, backup_id, std::move(key));
    std::list<Entry> entry;
    entry.push_back(Entry{session, now_tick, true});
    util::MutexLock lock(&shard.mutex);
    shard.by_id.emplace(id, entry.begin());
    shard.by_activity.splice(shard.by_activity.end(), entry);
    return session;
  } catch (const std::bad_alloc&) {
    sessions_.fetch_sub(1, std::memory_order_relaxed);
    pending_.fetch_sub(1, std::memory_order_relaxed);
    return proto::ERROR_OUT_OF_MEMORY;
  }
}

std::shared_ptr<Session> SessionTable::Find(uint64_t id, uint64_t now_tick) {
  Shard& shard = ShardOf(id);
  util::MutexLock lock(&shard.mutex);
  const auto found = shard.by_id.find(id);
  if (found == shard.by_id.end()) return nullptr;
  found->second->last_active_tick = now_tick;
  shard.by_activity.splice(shard.by_activity.end(), shard.by_activity, found->second);
  return found->second->session;
}

void SessionTable::Touch(uint64_t id, uint64_t now_tick) {
  Shard& shard = ShardOf(id);
  util::MutexLock lock(&shard.mutex);
  const auto found = shard.by_id.find(id);
  if (found == shard.by_id.end()) return;
  found->second->last_active_tick = now_tick;
  shard.by_activity.splice(shard.by_activity.end(), shard.by_activity, found->second);
}

void SessionTable::Established(uint64_t id) {
  Shard& shard = ShardOf(id);
  util::MutexLock lock(&shard.mutex);
  const auto found = shard.by_id.find(id);
  if (found == shard.by_id.end() || !found->second->pending) return;
  found->second->pending = false;
  pending_.fetch_sub(1, std::memory_order_relaxed);
}

bool SessionTable::Remove(uint64_t id) {
  std::shared_ptr<Session> dropped;  // Destroyed after the lock is released.
  Shard& shard = ShardOf(id);
  util::MutexLock lock(&shard.mutex);
  const auto found = shard.by_id.find(id);
  if (found == shard.by_id.end()) return false;
  if (found->second->pending) pending_.fetch_sub(1, std::memory_order_relaxed);
  sessions_.fetch_sub(1, std::memory_order_relaxed);
  dropped = std::move(found->second->session);
  shard.by_activity.erase(found->second);
  shard.by_id.erase(found);
  return true;
}

void SessionTable::TakeIdle(uint64_t now_tick, size_t most,
                            std::vector<std::shared_ptr<Session>>* idle) {
  for (Shard& shard : shards_) {
    util::MutexLock lock(&shard.mutex);
    while (idle->size() < most && !shard.by_activity.empty()) {
      Entry& oldest = shard.by_activity.front();
      if (oldest.last_active_tick + limits_.session_idle_ticks > now_tick) break;
      oldest.last_active_tick = now_tick;
      idle->push_back(oldest.session);
      shard.by_activity.splice(shard.by_activity.end(), shard.by_activity,
                               shard.by_activity.begin());
    }
  }
}

std::list<SessionTable::Entry> SessionTable::RemoveAll() {
  std::list<Entry> all;
  for (Shard& shard : shards_) {
    util::MutexLock lock(&shard.mutex);
    for (const Entry& entry : shard.by_activity) {
      if (entry.pending) pending_.fetch_sub(1, std::memory_order_relaxed);
      sessions_.fetch_sub(1, std::memory_order_relaxed);
    }
    all.splice(all.end(), shard.by_activity);
    shard.by_id.clear();
  }
  return all;
}

}  // namespace svr2::client
