// SPDX-License-Identifier: Apache-2.0

#include "core/response.h"

#include <google/protobuf/arena.h>

#include <array>

#include "svr2/client.pb.h"

namespace svr2::core {

namespace {

// Data, a status and tries, with their tags and lengths: far below this.
constexpr size_t kMaxResponseBytes = 128;
// Room for the message itself.
constexpr size_t kResponseBlockBytes = 512;

proto::RestoreResponse::Status RestoreStatus(db::EffectStatus status) {
  switch (status) {
    case db::EffectStatus::kOk:
      return proto::RestoreResponse::OK;
    case db::EffectStatus::kMissing:
      return proto::RestoreResponse::MISSING;
    case db::EffectStatus::kPinMismatch:
      return proto::RestoreResponse::PIN_MISMATCH;
    case db::EffectStatus::kError:
      return proto::RestoreResponse::ERROR;
  }
  return proto::RestoreResponse::ERROR;
}

void Fill(const db::Effect& effect, proto::Response* response) {
  const bool ok = effect.status == db::EffectStatus::kOk;
  switch (effect.op) {
    case db::Op::kBackup:
      response->mutable_backup()->set_status(proto::BackupResponse::OK);
      break;
    case db::Op::kExpose:
      response->mutable_expose()->set_status(ok ? proto::ExposeResponse::OK
                                                : proto::ExposeResponse::ERROR);
      break;
    case db::Op::kRestore: {
      proto::RestoreResponse* restore = response->mutable_restore();
      restore->set_status(RestoreStatus(effect.status));
      restore->set_tries(effect.tries);
      if (ok) restore->set_data(effect.data().data(), effect.data().size());
      break;
    }
    case db::Op::kDelete:
      response->mutable_delete_();
      break;
    case db::Op::kTries: {
      proto::TriesResponse* tries = response->mutable_tries();
      tries->set_status(ok ? proto::TriesResponse::OK : proto::TriesResponse::MISSING);
      tries->set_tries(effect.tries);
      tries->set_exposed(effect.exposed);
      break;
    }
  }
}

}  // namespace

bool HasResponse(const db::Effect& effect) {
  return effect.status != db::EffectStatus::kError || effect.op == db::Op::kRestore ||
         effect.op == db::Op::kExpose;
}

Status EncryptResponse(const db::Effect& effect, uint64_t request, client::Session* session,
                       integrity::Tree* tree, std::string* ciphertext) {
  // On an arena, since the destructor of a message on the heap is not safe when memory ran out.
  alignas(8) char block[kResponseBlockBytes];
  const util::ScopedWipe wipe_block(block, sizeof(block));
  google::protobuf::ArenaOptions options;
  options.initial_block = block;
  options.initial_block_size = sizeof(block);
  google::protobuf::Arena arena(options);
  auto& response = *google::protobuf::Arena::CreateMessage<proto::Response>(&arena);
  Fill(effect, &response);
  std::array<uint8_t, kMaxResponseBytes> plaintext;
  util::ScopedWipe wipe(plaintext.data(), plaintext.size());
  const size_t size = response.ByteSizeLong();
  SVR2_CHECK(size <= plaintext.size());
  SVR2_CHECK(response.SerializeToArray(plaintext.data(), static_cast<int>(plaintext.size())));
  if (response.has_restore()) util::Wipe(response.mutable_restore()->mutable_data());
  return session->Encrypt(tree, util::ByteView(plaintext.data(), size), request, ciphertext);
}

}  // namespace svr2::core
