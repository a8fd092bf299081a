// SPDX-License-Identifier: Apache-2.0
//
// Runs interaction scripts: stories of replicas told as commands, each followed by everything that
// it brought about. A script (raft/*.script) reads:
//
//   # What happens and why it should end so.
//   r1 found min=1 max=1 s=0
//   ----
//   ok
//
// Comments and blank lines stand between the commands. What stands below ---- up to the next blank
// line is the expected transcript; `SVR2_RECORD=1 build/g++/test/raft_test` writes it anew, and
// nobody commits a changed transcript without knowing why it changed.
//
// Commands, after the name of a replica:
//   found min= max= s= [election= heartbeat= max_bytes= min_entries= max_age=] [wait]
//                             found a group; with `wait` the founder does not campaign by itself
//   propose KIND TEXT|*N [as NAME]   KIND: nothing data membership minimums; *N: N bytes
//   tick [N]                  N ticks
//   output                    take the output
//   apply [N]                 applied up to N, or all that was handed over
//   status | log              where it stands; the retained entries
//   fate NAME [term=N] [forged]      what became of a proposal, also of one that was never made
//   step FROM KIND            a message: append append-answer vote vote-answer timeout-now
//   step-down | campaign      as if a quorum were lost; as if its time had come
//   stop ERROR                stops for good
//   copy TO | same AS         another replica becomes equal to this one; are the two equal?

#ifndef SVR2_RAFT_SCRIPT_TESTING_H_
#define SVR2_RAFT_SCRIPT_TESTING_H_

#include <string>

namespace svr2::raft {

// The script with every transcript as it is now.
std::string RunScript(const std::string& script);

}  // namespace svr2::raft

#endif  // SVR2_RAFT_SCRIPT_TESTING_H_
