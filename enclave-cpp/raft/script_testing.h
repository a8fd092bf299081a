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
//   save NAME | restore NAME  keeps its memory; rolls it back to what was kept
//   change add|promote|demote|remove REPLICA [force]
//   transfer [REPLICA]        leadership
//   members | progress        the membership in force; what the leader knows of the others
//   forget                    as if no leader had been heard for an election timeout
//
// Several replicas and the network between them, after the word `net`:
//   group voters= [members=] [min= max= s= …]   r1, r2, … have loaded the same first state
//   run [N] [quiet]           outputs are taken and applied, messages delivered, until all is still
//                             or N were delivered
//   tick [N] [aloud]          N times: one tick everywhere, then run
//   deliver FROM TO           the first message of one link
//   replay FROM TO            what was delivered last on a link, once more
//   hold|release|drop FROM TO | cut A B | isolate A | connect A B | heal
//   among R …                 these hear each other and nobody else; what was on the way is lost
//   elect R [N] [quiet]       R campaigns when nobody hears a leader; then run
//   crash R | joiner R SOURCE a replica is gone; a new one has loaded what SOURCE has applied
// Each delivered message is one line, what it brought about is indented below; `quiet` shows only
// the latter. Positions are written index/term.

#ifndef SVR2_RAFT_SCRIPT_TESTING_H_
#define SVR2_RAFT_SCRIPT_TESTING_H_

#include <string>

namespace svr2::raft {

// The script with every transcript as it is now.
std::string RunScript(const std::string& script);

}  // namespace svr2::raft

#endif  // SVR2_RAFT_SCRIPT_TESTING_H_
