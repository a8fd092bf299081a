// SPDX-License-Identifier: Apache-2.0

#include "simulator/core_level.h"

#include "simulator/core_world.h"

namespace svr2::simulator {
namespace {

// What the library makes once, at its first use, must not lie in an enclave's memory.
void WarmUp() {
  SimEnv env{Random(1)};
  proto::EnclaveConfig config;
  config.mutable_group()->set_min_voting_replicas(1);
  config.mutable_group()->set_max_voting_replicas(1);
  config.mutable_group()->set_attestation_timeout(604800);
  config.mutable_group()->set_simulated(true);
  config.set_log_max_bytes(1 << 20);
  Result<std::unique_ptr<core::Core>> core = core::Core::Create(&env, config.SerializeAsString());
  proto::HostToEnclaveMessage message;
  message.add_items()->mutable_tick()->set_unix_time_ms(1);
  message.add_items()->mutable_request()->set_id(1);
  message.mutable_items(1)->mutable_request()->mutable_create_group();
  message.add_items()->mutable_request()->set_id(2);
  message.mutable_items(2)->mutable_request()->mutable_status();
  if (core.ok()) (void)(*core)->Input(message.SerializeAsString());
  // Tables of names are made when the first one is asked for.
  (void)proto::Error_Name(proto::ERROR_RANDOM_FAILED);
}

Totals RunCore(const Plan& plan, Verdict* verdict) {
  static const bool warm = (WarmUp(), true);
  (void)warm;
  CoreWorld world(plan, verdict);
  return world.Run();
}

}  // namespace

const Level kCoreLevel = {"core", CorePlan, RunCore, 60};

}  // namespace svr2::simulator
