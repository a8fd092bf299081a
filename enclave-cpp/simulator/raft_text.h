// SPDX-License-Identifier: Apache-2.0
//
// Consensus messages as one line of a story.

#ifndef SVR2_SIMULATOR_RAFT_TEXT_H_
#define SVR2_SIMULATOR_RAFT_TEXT_H_

#include <string>

#include "raft/message.h"

namespace svr2::simulator {

std::string TextOf(const raft::Message& message);

}  // namespace svr2::simulator

#endif  // SVR2_SIMULATOR_RAFT_TEXT_H_
