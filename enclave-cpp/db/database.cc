// SPDX-License-Identifier: Apache-2.0
//
// The meaning of commands (protocol.md §2) over the verified row store.

#include "db/database.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <new>

#include "db/row_store.h"

namespace svr2::db {

namespace {

integrity::Memory* Heap() {
  // Stateless, so that sharing it between instances shares nothing.
  static integrity::HeapMemory heap;
  return &heap;
}

bool InLimits(const DatabaseOptions& options) {
  return options.leaf_rows >= 4 && options.leaf_rows <= kMaxLeafRows &&
         options.leaf_rows % 2 == 0 && options.node_children >= 4 &&
         options.node_children <= kMaxNodeChildren && options.node_children % 2 == 0 &&
         options.chunk_bytes <= (size_t{1} << 30) &&
         (options.digest_key.empty() || options.digest_key.size() == kDigestKeyBytes);
}

void Reset(Effect* effect, Op op) {
  effect->op = op;
  effect->status = EffectStatus::kError;
  effect->tries = 0;
  effect->exposed = false;
  effect->data_size = 0;
  util::Wipe(effect->data_storage.data(), effect->data_storage.size());
}

// True when the row holds exactly this data. In time that does not depend on the row.
bool HoldsData(const RowBody& body, util::ByteView data) {
  RowBody padded = {};
  const util::ScopedWipe wipe(&padded, sizeof(padded));
  std::memcpy(padded.data, data.data(), data.size());
  const bool same_data = util::ConstantTimeEqual(util::ByteView(padded.data, kMaxDataBytes),
                                                 util::ByteView(body.data, kMaxDataBytes));
  return same_data & (data.size() == body.data_size());
}

}  // namespace

Result<std::unique_ptr<Database>> Database::Create(env::Env* env, const DatabaseOptions& options) {
  if (!InLimits(options)) return proto::ERROR_INVALID_ARGUMENT;
  RowStore::HashKeys keys;
  SVR2_RETURN_IF_ERROR(env->RandomBytes(keys.data(), keys.size()));
  if (!options.digest_key.empty()) {
    std::memcpy(keys.data(), options.digest_key.data(), kDigestKeyBytes);
  }
  const RowStoreOptions store_options = {options.leaf_rows, options.node_children,
                                         options.chunk_bytes, options.max_heap_bytes,
                                         options.memory != nullptr ? options.memory : Heap()};
  std::unique_ptr<RowStore> store(new (std::nothrow) RowStore(keys, store_options));
  if (store == nullptr) return proto::ERROR_DB_HEAP_FULL;
  SVR2_RETURN_IF_ERROR(store->Init());
  std::unique_ptr<Database> database(new (std::nothrow) Database(std::move(store), options));
  if (database == nullptr) return proto::ERROR_DB_HEAP_FULL;
  return database;
}

Database::Database(std::unique_ptr<RowStore> store, const DatabaseOptions& options)
    : max_rows_(options.max_rows), loading_(options.loading), store_(std::move(store)) {}

Database::~Database() = default;

Status Database::Apply(const Command& command, Effect* effect) {
  Reset(effect, command.op);
  if (!failure_.ok()) return failure_;
  SVR2_CHECK(CheckCommand(command).ok());
  if (!Covers(command.backup_id)) return Status::Ok();
  Status status;
  switch (command.op) {
    case Op::kBackup:
      status = Backup(command, effect);
      break;
    case Op::kRestore:
      status = Restore(command, effect);
      break;
    case Op::kExpose:
      status = Expose(command, effect);
      break;
    case Op::kDelete:
      status = Delete(command, effect);
      break;
    case Op::kTries:
      status = Tries(command, effect);
      break;
  }
  if (!status.ok()) {
    Reset(effect, command.op);
    Stop(status);
  }
  return status;
}

Status Database::Backup(const Command& command, Effect* effect) {
  const Key key = LoadKey(command.backup_id.data());
  RowStore::Access access;
  SVR2_RETURN_IF_ERROR(store_->Find(key, &access));
  Row row;
  row.set_key(key);
  row.body = RowBody{};
  std::memcpy(row.body.verifier, command.pin_verifier.data(), kPinVerifierBytes);
  std::memcpy(row.body.data, command.data.data(), command.data.size());
  row.body.tries = command.max_tries;
  row.body.size_and_state = static_cast<uint8_t>(command.data.size());
  if (access.found()) {
    access.row().body = row.body;
    store_->Update(&access);
  } else {
    SVR2_RETURN_IF_ERROR(store_->Insert(&access, row));
  }
  effect->status = EffectStatus::kOk;
  return Status::Ok();
}

Status Database::Restore(const Command& command, Effect* effect) {
  RowStore::Access access;
  SVR2_RETURN_IF_ERROR(store_->Find(LoadKey(command.backup_id.data()), &access));
  effect->status = EffectStatus::kMissing;
  if (!access.found() || !access.row().body.available()) return Status::Ok();
  RowBody& body = access.row().body;
  if (util::ConstantTimeEqual(command.pin_verifier,
                              util::ByteView(body.verifier, kPinVerifierBytes))) {
    effect->status = EffectStatus::kOk;
    effect->tries = body.tries;
    effect->data_size = body.data_size();
    std::memcpy(effect->data_storage.data(), body.data, body.data_size());
    return Status::Ok();
  }
  --body.tries;
  if (body.tries == 0) return store_->Erase(&access);
  store_->Update(&access);
  effect->status = EffectStatus::kPinMismatch;
  effect->tries = body.tries;
  return Status::Ok();
}

Status Database::Expose(const Command& command, Effect* effect) {
  RowStore::Access access;
  SVR2_RETURN_IF_ERROR(store_->Find(LoadKey(command.backup_id.data()), &access));
  if (!access.found() || !HoldsData(access.row().body, command.data)) return Status::Ok();
  effect->status = EffectStatus::kOk;
  if (access.row().body.available()) return Status::Ok();
  access.row().body.size_and_state |= RowBody::kAvailable;
  store_->Update(&access);
  return Status::Ok();
}

Status Database::Delete(const Command& command, Effect* effect) {
  RowStore::Access access;
  SVR2_RETURN_IF_ERROR(store_->Find(LoadKey(command.backup_id.data()), &access));
  if (access.found()) SVR2_RETURN_IF_ERROR(store_->Erase(&access));
  effect->status = EffectStatus::kOk;
  return Status::Ok();
}

Status Database::Tries(const Command& command, Effect* effect) {
  RowStore::Access access;
  SVR2_RETURN_IF_ERROR(store_->Find(LoadKey(command.backup_id.data()), &access));
  effect->status = EffectStatus::kMissing;
  if (!access.found()) return Status::Ok();
  effect->status = EffectStatus::kOk;
  effect->tries = access.row().body.tries;
  effect->exposed = access.row().body.available();
  return Status::Ok();
}

Status Database::ReserveForBackups(uint64_t backups, bool may_grow) {
  if (!failure_.ok()) return failure_;
  const uint64_t rows = store_->rows();
  if (rows > max_rows_ || backups > max_rows_ - rows) return proto::ERROR_DB_ROWS_FULL;
  return store_->Reserve(backups, may_grow);
}

Status Database::ReadRows(RowCursor* cursor, size_t max_bytes, util::SecretBytes* out) {
  if (!failure_.ok()) return failure_;
  if (loading_ || cursor->done || max_bytes < kMinChunkBytes) return proto::ERROR_INVALID_ARGUMENT;
  const size_t start = out->size();
  const size_t all = kRowsHeaderBytes + store_->rows() * kMaxRowBytes;
  const size_t room = std::min(max_bytes, std::max(all, kMinChunkBytes));
  try {
    out->resize(start + room);
  } catch (const std::exception&) {  // std::bad_alloc, std::length_error.
    return proto::ERROR_OUT_OF_MEMORY;
  }
  RowsWriter writer(out->data() + start, room);
  const Key first = LoadKey(cursor->next_id.data());
  Key last = kMaxKey;
  const Status status = store_->ReadRows(first, &writer, &last);
  if (!status.ok()) {
    util::Wipe(out->data() + start, room);
    out->resize(start);
    Stop(status);
    return status;
  }
  writer.Finish(first, last);
  out->resize(start + writer.size());
  cursor->done = last == kMaxKey;
  if (!cursor->done) StoreKey(last + 1, cursor->next_id.data());
  return Status::Ok();
}

Status Database::LoadRows(util::ByteView chunk, uint64_t* rows) {
  if (!failure_.ok()) return failure_;
  if (!loading_) return proto::ERROR_DB_OUT_OF_ORDER;
  const Result<RowsReader> reader = RowsReader::Parse(chunk, LoadKey(uncovered_.data()));
  if (!reader.ok()) return reader.status();
  const uint64_t present = store_->rows();
  if (present > max_rows_ || reader->count() > max_rows_ - present) {
    return proto::ERROR_DB_ROWS_FULL;
  }
  SVR2_RETURN_IF_ERROR(store_->ReserveAppend(reader->count()));
  const Status status = store_->AppendRows(*reader);
  if (!status.ok()) {
    Stop(status);
    return status;
  }
  loading_ = reader->last() != kMaxKey;
  if (loading_) StoreKey(reader->last() + 1, uncovered_.data());
  *rows = reader->count();
  return Status::Ok();
}

bool Database::Covers(util::ByteView backup_id) const {
  return !loading_ || (backup_id.size() == kBackupIdBytes &&
                       std::memcmp(backup_id.data(), uncovered_.data(), kBackupIdBytes) < 0);
}

DatabaseDigest Database::Digest() const {
  DatabaseDigest digest;
  if (failure_.ok()) {
    const integrity::Tag sum = store_->digest();
    std::memcpy(digest.data(), &sum, sizeof(sum));
  }
  return digest;
}

void Database::Prefetch(util::ByteView backup_id) const {
  if (failure_.ok() && backup_id.size() == kBackupIdBytes) {
    store_->Prefetch(LoadKey(backup_id.data()));
  }
}

void Database::Stop(Status why) {
  failure_ = why;
  store_.reset();  // Wipes before it frees.
}

void Database::Wipe() {
  if (failure_.ok()) Stop(proto::ERROR_CORE_STOPPED);
}

uint64_t Database::rows() const { return failure_.ok() ? store_->rows() : 0; }

static_assert(Database::kMaxRootBytes == RowStore::kMaxRootBytes + kBackupIdBytes);

size_t Database::WriteRoot(uint8_t* out) const {
  if (!failure_.ok()) return 0;
  const size_t size = store_->WriteRoot(out);
  if (!loading_) return size;
  std::memcpy(out + size, uncovered_.data(), kBackupIdBytes);
  return size + kBackupIdBytes;
}

size_t Database::heap_bytes() const { return failure_.ok() ? store_->heap_bytes() : 0; }

}  // namespace svr2::db
